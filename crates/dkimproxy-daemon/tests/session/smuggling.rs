//! What looks like an end of data and is none: one message in, one transaction out, however lenient the relay is, and
//! wherever the input is split (CVE-2023-51764 and its kin).

use crate::{
    relay::{ModelRelay, Newlines},
    world::World,
};
use dkimproxy_smtp::data::StrayNewlines;
use tokio::time::{Duration, sleep};

const LOOK_ALIKES: [&str; 19] = [
    "\n.\n",
    "\n.\r\n",
    "\r.\r\n",
    "\r.\r",
    "\r\n.\n",
    "\r\n.\r",
    "\r\n\0.\r\n",
    "\r\n.\0\r\n",
    "\r\n..\n",
    "\n..\r\n",
    "\r\n.\r\r\n",
    "\r\r\n.\n\r\n",
    "\r\n. \r\n",
    "\r\n..\r\n",
    "\n\n.\n\n",
    "\r\n.\n\r\n",
    "\n\r.\n\r",
    "\r\n.\r.\r\n",
    "\n\r\n.\n\r\n",
];

const SMUGGLED: &str = "MAIL FROM:<evil@x>\r\nRCPT TO:<victim@y>\r\nDATA\r\nSubject: evil\r\n\r\nevil";

/// Where a look-alike may stand: in the body, in the header, right after 354.
const PLACES: [&str; 3] = ["Subject: a\r\n\r\nbody", "Subject: a", ""];

async fn check(text: &str, at: usize, newlines: Newlines, policy: StrayNewlines) {
    let mut world = World::new();
    world.settings.stray_newlines = policy;
    let whole = format!("EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n{text}\r\n.\r\nQUIT\r\n");
    let (first, second) = whole.as_bytes().split_at(at);
    let (mut client, relay, session) = world.session();
    let talk = async {
        client.say(first);
        sleep(Duration::from_millis(1)).await;
        client.say(second);
        client.close();
        client.hear_all().await
    };
    let (_, answers, heard) = tokio::join!(session, talk, ModelRelay::new(relay, newlines).serve());
    let label = format!("{text:?} split at {at}, {newlines:?}, {policy:?}: {}", answers.escape_ascii());
    let mails = heard.commands.iter().filter(|line| line.to_ascii_uppercase().starts_with(b"MAIL")).count();
    assert_eq!(mails, 1, "{label}");
    let answers = String::from_utf8_lossy(&answers);
    match &heard.delivered[..] {
        [message] => {
            assert!(answers.ends_with("queued as 1\r\n221 2.0.0 Bye\r\n"), "{label}");
            assert_eq!(message.octets, world.seen()[0].octets, "{label}");
        }
        [] => assert!(answers.ends_with("must end in <CR><LF>\r\n221 2.0.0 Bye\r\n"), "{label}"),
        _ => panic!("{label}"),
    }
}

async fn check_all(newlines: Newlines, policy: StrayNewlines) {
    for look_alike in LOOK_ALIKES {
        for place in PLACES {
            let text = format!("{place}{look_alike}{SMUGGLED}");
            let data = "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n".len();
            // From before DATA's own line end to after the look-alike, and the real end of data.
            let near = data - 3..data + place.len() + look_alike.len() + 3;
            let end = data + text.len();
            for at in near.chain(end - 1..end + 6) {
                check(&text, at, newlines, policy).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn to_a_strict_relay() {
    check_all(Newlines::Strict, StrayNewlines::Normalize).await;
}

#[tokio::test(start_paused = true)]
async fn to_a_relay_that_takes_bare_lf() {
    check_all(Newlines::BareLf, StrayNewlines::Normalize).await;
}

#[tokio::test(start_paused = true)]
async fn to_a_relay_that_takes_any_newline() {
    check_all(Newlines::BareAny, StrayNewlines::Normalize).await;
}

#[tokio::test(start_paused = true)]
async fn when_stray_newlines_are_refused() {
    check_all(Newlines::BareLf, StrayNewlines::Reject).await;
}
