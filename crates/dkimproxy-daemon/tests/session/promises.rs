//! The promises of ARCHITECTURE.md that a session keeps, each under its name.

use crate::{
    relay::{Heard, ModelRelay, Newlines},
    world::{End, World},
};
use dkimproxy_daemon::filter::{Edits, Reply, Transaction, Verdict};
use proptest::prelude::*;
use std::ops::Range;
use tokio::{
    io::{AsyncWriteExt, duplex},
    task::yield_now,
    time::{Duration, sleep},
};

/// A client's whole life, said in the given pieces; each is understood before the next one comes.
async fn converse(world: &World, pieces: &[&[u8]]) -> (Vec<u8>, Heard) {
    let (mut client, relay, session) = world.session();
    let talk = async {
        for piece in pieces {
            client.say(*piece);
            // The clock moves only when nobody has anything left to do.
            sleep(Duration::from_millis(1)).await;
        }
        client.close();
        client.hear_all().await
    };
    let (_, answers, heard) = tokio::join!(session, talk, ModelRelay::new(relay, Newlines::Strict).serve());
    (answers, heard)
}

/// A whole session with one message, mail data as they go over the wire.
fn session_with(mail_data: &[u8]) -> Vec<u8> {
    let mut all = b"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n".to_vec();
    all.extend_from_slice(mail_data);
    all.extend_from_slice(b"\r\n.\r\nQUIT\r\n");
    all
}

const MESSAGE: &[u8] = b"Subject: one\r\nX: two\r\n\r\n..dots\r\nand \x00\xff octets\r\n\r\n";

/// The reply to the end of data, for each thing that a relay may say or not say.
#[tokio::test(start_paused = true)]
async fn promise_1_no_2xx_to_end_of_data_unless_the_relay_gave_one() {
    let early = "354 Go on\r\n250 Ok\r\n";
    for to_data in ["354 Go on\r\n", early, "250 Ok\r\n", "451 Later\r\n", "554 No\r\n", "421 Bye\r\n", "?\r\n", ""] {
        for to_dot in ["250 Ok\r\n", "354 Go on\r\n", "451 Later\r\n", "554 No\r\n", "421 Bye\r\n", "25", ""] {
            let last = end_of_data_reply(to_data, to_dot).await;
            let may_be_positive = to_data == "354 Go on\r\n" && to_dot == "250 Ok\r\n";
            let code = last.get(..3).map(|code| String::from_utf8_lossy(code).into_owned()).unwrap_or_default();
            assert_eq!(code.starts_with('2'), may_be_positive, "{to_data:?} {to_dot:?}: {code}");
            assert!(!code.starts_with('3'), "{to_data:?} {to_dot:?}: {code}");
            assert!(!code.is_empty(), "{to_data:?} {to_dot:?}: no reply at all");
        }
    }
}

/// What the client hears to its end of data. An empty reply is a relay that closes.
async fn end_of_data_reply(to_data: &str, to_dot: &str) -> Vec<u8> {
    let (mut client, mut relay, session) = World::new().session();
    let relays_part = async {
        relay.say("220 r\r\n");
        for reply in ["250 Ok\r\n", "250 Ok\r\n", "250 Ok\r\n", to_data] {
            relay.hear_line().await;
            relay.say(reply);
        }
        if to_data.is_empty() {
            return relay.close();
        }
        let mut line = relay.hear_line().await;
        while !matches!(&*line, b".\r\n" | b"RSET\r\n" | b"") {
            line = relay.hear_line().await;
        }
        relay.say(if line == b".\r\n" { to_dot } else { "250 Ok\r\n" });
        relay.close();
        relay.hear_all().await;
    };
    let talk = async {
        client.say(session_with(b"x"));
        for _greeting_ehlo_mail_rcpt_data in 0..5 {
            client.hear_reply().await;
        }
        let reply = client.hear_reply().await;
        client.close();
        client.hear_all().await;
        reply
    };
    tokio::join!(session, relays_part, talk).2
}

#[tokio::test(start_paused = true)]
async fn promise_2_octets_relayed_are_octets_received_except_edits() {
    let received = b"Subject: one\r\nX: two\r\n\r\n.dots\r\nand \x00\xff octets\r\n\r\n\r\n";
    let cases: [(&[u8], &[Range<u64>]); 5] = [
        (b"", &[]),
        (b"A: b\r\n", &[]),
        (b"", &[14..20, 20..22]),
        (b"A: b\r\n.C: d\r\n", &[0..14, 14..22, 30..31]),
        (b"", &[0..1, 1..50]),
    ];
    for (prepend, cuts) in cases {
        let mut world = World::new();
        world.verdict = Verdict::Relay(Edits { prepend: prepend.to_vec(), cut: cuts.to_vec() });
        let (_, heard) = converse(&world, &[&session_with(MESSAGE)]).await;
        let kept = (0_u64..).zip(received).filter(|(at, _)| !cuts.iter().any(|cut| cut.contains(at)));
        let expected: Vec<u8> = prepend.iter().chain(kept.map(|(_, octet)| octet)).copied().collect();
        assert_eq!(heard.delivered[0].octets.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn promise_3_octets_hashed_are_the_octets_relayed() {
    for mail_data in [MESSAGE, b"stray\nnewlines\r in\r\r\n.\n.\r\n\n\r\n\r", b"", b"\r\n", b"x"] {
        for spool_memory in [0, 10, 1 << 20] {
            let mut world = World::new();
            world.settings.limits.spool_memory = spool_memory;
            let (_, heard) = converse(&world, &[&session_with(mail_data)]).await;
            assert_eq!(heard.delivered.len(), 1);
            assert_eq!(world.seen()[0].octets, heard.delivered[0].octets, "{}", mail_data.escape_ascii());
        }
    }
}

#[test]
fn promise_4_where_input_is_split_changes_no_output() {
    let mail = session_with(b"a: b\r\n\r\n..\r\n.x\nbare\rcr\r\n\r\n");
    let two = [&mail[..mail.len() - 6], b"NOOP\r\n\r\nMAIL FROM:<>\r\nRCPT TO:<refuse@d>\r\nDATA\r\nRSET\r\nQUIT\r\n"]
        .concat();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let outcome = |world: World, pieces: &[&[u8]]| {
        let (answers, heard) = runtime().block_on(converse(&world, pieces));
        (answers.escape_ascii().to_string(), heard.delivered, heard.commands, world.seen().len())
    };
    let whole = outcome(World::new(), &[&two]);
    assert_eq!((whole.1.len(), whole.3), (1, 1), "{}", whole.0);
    proptest!(ProptestConfig::with_cases(64), |(
        mut marks in prop::collection::vec(0..two.len(), 0..12),
        pipe in prop::sample::select(vec![1, 2, 3, 7, 64, 4096]),
    )| {
        marks.extend([0, two.len()]);
        marks.sort_unstable();
        let pieces: Vec<&[u8]> = marks.windows(2).map(|pair| &two[pair[0]..pair[1]]).collect();
        prop_assert_eq!(&outcome(World::with_pipe(pipe), &pieces), &whole);
    });
}

/// A filter without edits is a filter that no rule concerns.
#[tokio::test(start_paused = true)]
async fn promise_5_mail_that_no_rule_covers_passes_untouched() {
    let wire = session_with(MESSAGE);
    let (answers, heard) = converse(&World::new(), &[&wire]).await;
    let mut sent_on: Vec<u8> = Vec::new();
    for octets in [&heard.delivered[0].mail, &heard.delivered[0].rcpt[0]] {
        sent_on.extend_from_slice(octets);
        sent_on.extend_from_slice(b"\r\n");
    }
    assert_eq!(sent_on, b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
    assert_eq!(heard.delivered[0].octets, b"Subject: one\r\nX: two\r\n\r\n.dots\r\nand \x00\xff octets\r\n\r\n\r\n");
    assert!(answers.ends_with(b"250 2.0.0 Ok: queued as 1\r\n221 2.0.0 Bye\r\n"));
}

#[tokio::test(start_paused = true)]
async fn promise_7_nothing_unprintable_reaches_the_filters_client() {
    let wire = b"EHLO \xc3\xa9\tx\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\nQUIT\r\n";
    let world = World::new();
    converse(&world, &[wire]).await;
    assert_eq!(world.seen()[0].client.helo, "???x");
}

/// Whoever says too much is not listened to for ever: neither for so many octets, nor, where they need not be kept, for
/// so long.
#[tokio::test(start_paused = true)]
async fn promise_8_memory_per_connection_is_bounded_towards_the_relay() {
    for endless in ["250-more\r\n", "x", "2"] {
        let (mut client, mut relay, session) = World::new().session();
        let flood = async {
            let mut said = 0;
            relay.say("220 r\r\n");
            relay.hear_line().await;
            while said < 20_000_000 && !relay.is_deaf() {
                relay.say(endless.repeat(1000));
                said += endless.len() * 1000;
                sleep(Duration::from_secs(1)).await;
            }
            said
        };
        let talk = async {
            client.say("EHLO c\r\n");
            client.close();
            client.hear_all().await
        };
        let (_, said, answers) = tokio::join!(session, flood, talk);
        assert!(said < 1_000_000, "{said} octets of {endless:?} were taken");
        assert!(answers.ends_with(b"421 Internal error (Next hop is down)\r\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn promise_8_memory_per_connection_is_bounded_towards_the_client() {
    let mut world = World::new();
    world.settings.limits.spool_memory = 1 << 20;
    world.settings.limits.message_size = Some(2_000_000);
    let endless_message = session_with(&b"{20 MB}".repeat(3_000_000));
    let (answers, heard) = converse(&world, &[&endless_message]).await;
    assert!(String::from_utf8_lossy(&answers).contains("552 5.3.4 Message too big\r\n221 2.0.0 Bye\r\n"));
    assert!(heard.delivered.is_empty() && world.seen().is_empty());

    let endless_line = [b"EHLO c\r\n".to_vec(), b"x".repeat(20_000_000), b"\r\nQUIT\r\n".to_vec()].concat();
    let (answers, _) = converse(&World::new(), &[&endless_line]).await;
    assert!(String::from_utf8_lossy(&answers).contains("500 5.5.2 Line too long\r\n221 2.0.0 Bye\r\n"));
}

/// A client that asks for much with little and takes none of it is waited for.
#[tokio::test(start_paused = true)]
async fn promise_8_replies_do_not_pile_up() {
    let ((mut client, our_client), (relay, our_relay)) = (duplex(8192), duplex(8192));
    let session = World::new().run(our_client, async { Ok(our_relay) });
    client.write_all(&b"NOOP\r\n".repeat(600)).await.unwrap();
    let mut relay = End::new(relay);
    let answer = async {
        relay.say("220 r\r\n");
        let mut asked = 0;
        while !relay.hear_line().await.is_empty() {
            relay.say(format!("250-{}\r\n", "x".repeat(1000)).repeat(60) + "250 Ok\r\n");
            asked += 1;
        }
        asked
    };
    let (end, asked) = tokio::join!(session, answer);
    assert!(end.is_err());
    assert!(asked < 10, "{asked} replies of 60,000 octets were taken for a client that reads none");
}

/// One thread serves many: a client that has always more to say must not keep it.
#[tokio::test(start_paused = true)]
async fn a_large_message_leaves_the_others_their_turn() {
    let (client, mut relay, session) = World::with_pipe(1 << 26).session();
    client.say(session_with(&b"x".repeat(1 << 23)));
    let up_to_data = async {
        relay.say("220 r\r\n");
        for _ehlo_mail_rcpt in 0..3 {
            relay.hear_line().await;
            relay.say("250 Ok\r\n");
        }
        relay.hear_line().await
    };
    let mut turns = 0;
    let count = async {
        loop {
            yield_now().await;
            turns += 1;
        }
    };
    tokio::select! {
        end = session => panic!("{end:?}"),
        line = up_to_data => assert_eq!(line, b"DATA\r\n"),
        () = count => {}
    }
    assert!(turns > 100, "{turns} turns while 128 pieces of 64 KiB came in");
}

/// Refusing is final: the relay has not even seen DATA.
#[tokio::test(start_paused = true)]
async fn a_refused_message_never_reaches_the_relay() {
    let mut world = World::new();
    world.verdict = Verdict::Refuse(Reply::new(550, "5.7.1", "no"));
    let (_, heard) = converse(&world, &[&session_with(MESSAGE)]).await;
    assert!(heard.delivered.is_empty());
    let commands: Vec<_> = heard.commands.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    assert_eq!(commands, ["EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RSET", "QUIT"]);
}

/// Each transaction starts from nothing: who the original client was, who gets it, what was declared.
#[tokio::test(start_paused = true)]
async fn the_filter_sees_the_envelope_of_its_own_transaction() {
    let first = "XFORWARD NAME=o.example ADDR=192.0.2.1 HELO=h\r\nMAIL FROM:<a@b> SMTPUTF8 BODY=8BITMIME\r\n\
                 RCPT TO:<c@d>\r\nRCPT TO:<refuse@d>\r\nRCPT TO:<e@d>\r\nDATA\r\n.\r\n";
    let second = "MAIL FROM:<>\r\nRCPT TO:<f@g>\r\nDATA\r\n.\r\n";
    let abandoned = "XFORWARD NAME=p.example\r\nMAIL FROM:<x@y>\r\nRCPT TO:<z@y>\r\nRSET\r\n";
    let wire = ["EHLO c\r\n", first, second, abandoned, second, "QUIT\r\n"].concat();
    let world = World::new();
    converse(&world, &[wire.as_bytes()]).await;
    let seen = world.seen();
    let envelope = |at: usize| {
        let Transaction { reverse_path, recipients, original_client, smtputf8, eight_bit } = &seen[at].transaction;
        let recipients: Vec<_> = recipients.iter().map(|path| path.as_bytes().to_vec()).collect();
        let sender = reverse_path.as_ref().unwrap().as_bytes().to_vec();
        (sender, recipients, original_client.name.clone(), *smtputf8, *eight_bit)
    };
    let recipients = vec![b"c@d".to_vec(), b"e@d".to_vec()];
    assert_eq!(envelope(0), (b"a@b".to_vec(), recipients, Some("o.example".into()), true, true));
    for at in [1, 2] {
        assert_eq!(envelope(at), (vec![], vec![b"f@g".to_vec()], None, false, false));
    }
}
