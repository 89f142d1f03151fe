//! What goes wrong: peers that die, are silent, do not read; the daemon that stops.

use crate::{
    relay::{ModelRelay, Newlines},
    world::{End, World},
};
use dkimproxy_daemon::{
    peer::PeerError,
    session::{RelayError, SessionError},
};
use std::{future::pending, io};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex, split},
    time::{Duration, sleep},
};

const CLIENTS_PART: &str =
    "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: one\r\n\r\ntext\r\n.\r\nNOOP\r\nQUIT\r\n";

const RELAYS_PART: [&str; 9] = [
    "220 r\r\n",
    "250-r\r\n250 PIPELINING\r\n",
    "250 Ok\r\n",
    "250 Ok\r\n",
    "354 Go on\r\n",
    "250 Ok: queued\r\n",
    "250 Ok\r\n",
    "221 Bye\r\n",
    "",
];

/// Cuts an answer to the client into the codes of its replies; panics if it is not made of replies.
fn codes(answers: &[u8]) -> Vec<u16> {
    let text = String::from_utf8(answers.to_vec()).unwrap();
    assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
    let lines = text.split_terminator("\r\n").filter(|line| line.as_bytes().get(3) != Some(&b'-'));
    lines.map(|line| line[..3].parse().unwrap_or_else(|_| panic!("{line:?}"))).collect()
}

/// The relay says so many octets of its part, each when it is due, then it is gone.
async fn dying_relay(mut relay: End, mut octets: usize) {
    for reply in RELAYS_PART {
        let said = reply.len().min(octets);
        relay.say(&reply.as_bytes()[..said]);
        octets -= said;
        if said < reply.len() {
            return;
        }
        let waits_for: &[u8] = if reply.starts_with("354") { b".\r\n" } else { b"" };
        while !waits_for.is_empty() && relay.hear_line().await != waits_for {}
        if waits_for.is_empty() {
            relay.hear_line().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_relay_dies_at_every_octet() {
    let all: usize = RELAYS_PART.iter().map(|reply| reply.len()).sum();
    let before_queued: usize = RELAYS_PART[..6].iter().map(|reply| reply.len()).sum();
    for octets in 0..=all {
        let (mut client, relay, session) = World::new().session();
        let talk = async {
            client.say(CLIENTS_PART);
            client.close();
            client.hear_all().await
        };
        let (_, (), answers) = tokio::join!(session, dying_relay(relay, octets), talk);
        let codes = codes(&answers);
        let label = format!("relay dies after {octets} octets: {codes:?}");
        let accepted = codes.get(5) == Some(&250);
        assert_eq!(accepted, octets >= before_queued, "{label}");
        if octets < before_queued {
            assert_eq!(codes.last(), Some(&421), "{label}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_client_dies_at_every_octet() {
    let end_of_data = CLIENTS_PART.find("\r\n.\r\n").unwrap() + 5;
    for octets in 0..=CLIENTS_PART.len() {
        let world = World::new();
        let (mut client, relay, session) = world.session();
        let talk = async {
            client.say(&CLIENTS_PART.as_bytes()[..octets]);
            client.close();
            client.hear_all().await
        };
        let (_, heard, _) = tokio::join!(session, ModelRelay::new(relay, Newlines::Strict).serve(), talk);
        let delivered = heard.delivered.len();
        assert_eq!(delivered, usize::from(octets >= end_of_data), "client dies after {octets} octets");
        assert_eq!(world.seen().len(), delivered);
        if octets < end_of_data {
            assert!(!heard.commands.iter().any(|line| line == b"DATA"), "client dies after {octets} octets");
        }
    }
}

/// Many recipients and lines of megabytes, through pipes that hold next to nothing, between peers of which the relay
/// does not read on before its reply is taken.
#[tokio::test(start_paused = true)]
async fn full_buffers_are_no_deadlock() {
    const RECIPIENTS: usize = 2000;
    let (mut client, our_client) = duplex(64);
    let (relay, our_relay) = duplex(64);
    let mut world = World::new();
    world.settings.limits.spool_memory = 100_000;
    let session = world.run(our_client, async { Ok(our_relay) });
    let relays_part = stubborn_relay(relay);
    let mut said = b"EHLO c\r\nMAIL FROM:<a@b>\r\n".to_vec();
    (0..RECIPIENTS).for_each(|n| said.extend_from_slice(format!("RCPT TO:<{n}@d>\r\n").as_bytes()));
    said.extend_from_slice(b"DATA\r\nSubject: ");
    said.extend_from_slice(&b"x".repeat(3_000_000));
    said.extend_from_slice(&b"\r\n..".repeat(100_000));
    said.extend_from_slice(b"\r\n.\r\nQUIT\r\n");
    let (mut reads, mut writes) = split(&mut client);
    let mut heard = Vec::new();
    let talk = async {
        tokio::join!(writes.write_all(&said), reads.read_to_end(&mut heard)).0.unwrap();
    };
    let (end, _, ()) = tokio::join!(session, relays_part, talk);
    end.unwrap();
    let codes = codes(&heard);
    assert_eq!(codes.len(), RECIPIENTS + 6);
    assert_eq!(codes[RECIPIENTS + 3..], [354, 250, 221]);
}

/// Says all of its long reply before it reads on.
async fn stubborn_relay(mut stream: tokio::io::DuplexStream) {
    let long = "x".repeat(400);
    stream.write_all(format!("220 r {long}\r\n").as_bytes()).await.unwrap();
    let (mut line, mut in_data) = (Vec::new(), false);
    while let Ok(octet) = stream.read_u8().await {
        line.push(octet);
        if !line.ends_with(b"\r\n") {
            continue;
        }
        let reply = match line.as_slice() {
            b".\r\n" => Some(250),
            _ if in_data => None,
            b"DATA\r\n" => Some(354),
            b"QUIT\r\n" => Some(221),
            line if line.starts_with(b"EHLO") => {
                stream.write_all(b"250-r\r\n250 PIPELINING\r\n").await.unwrap();
                None
            }
            _ => Some(250),
        };
        line.clear();
        if let Some(code) = reply {
            in_data = code == 354;
            stream.write_all(format!("{code} {long}\r\n").as_bytes()).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_given_up() {
    let (mut client, our_client) = duplex(64);
    let (relay, our_relay) = duplex(64);
    let session = World::new().run(our_client, async { Ok(our_relay) });
    let relays_part = ModelRelay::new(End::new(relay), Newlines::Strict).serve();
    let talk = client.write_all(b"EHLO c\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n");
    let (end, _, _) = tokio::join!(session, relays_part, talk);
    assert!(matches!(end, Err(SessionError::Client(PeerError::Timeout))), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_does_not_read_is_given_up() {
    let (mut client, mut relay, session) = World::with_pipe(64).session();
    let relays_part = async {
        for reply in &RELAYS_PART[..4] {
            relay.say(*reply);
            relay.hear_line().await;
        }
        relay.say("354 Go on\r\n");
        pending::<()>().await;
    };
    let talk = async {
        client.say(format!("{}{}\r\n.\r\n", &CLIENTS_PART[..50], "x".repeat(1_000_000)));
        client.close();
        let answers = client.hear_all().await;
        (codes(&answers), ())
    };
    tokio::select! {
        _ = relays_part => unreachable!(),
        (end, (codes, ())) = async { tokio::join!(session, talk) } => {
            assert_eq!(codes, [220, 250, 250, 250, 354, 451]);
            assert!(matches!(end, Err(SessionError::Client(PeerError::Closed))), "{end:?}");
        }
    }
}

async fn without_relay(
    connect: impl Future<Output = Result<tokio::io::DuplexStream, SessionError>>,
) -> (SessionError, String) {
    let (client, our_client) = duplex(1024);
    let mut client = End::new(client);
    client.close();
    let session = World::new().run(our_client, connect);
    let (end, answers) = tokio::join!(session, client.hear_all());
    (end.unwrap_err(), String::from_utf8(answers).unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_relay_cannot_be_reached() {
    let refused = async { Err(SessionError::Unreachable(io::ErrorKind::ConnectionRefused.into())) };
    let (error, answers) = without_relay(refused).await;
    assert_eq!(answers, "421 Internal error (Next hop is down)\r\n");
    assert!(matches!(error, SessionError::Unreachable(_)));

    let (error, answers) = without_relay(pending()).await;
    assert_eq!(answers, "421 Internal error (Next hop is down)\r\n");
    assert!(matches!(error, SessionError::Unreachable(error) if error.kind() == io::ErrorKind::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn a_relay_without_a_banner_is_given_up() {
    let (mut client, _relay, session) = World::new().session();
    let (end, answers) = tokio::join!(session, client.hear_all());
    assert_eq!(answers, b"421 Internal error (Next hop is down)\r\n");
    assert!(matches!(end, Err(SessionError::Relay(RelayError::Peer(PeerError::Timeout)))), "{end:?}");
}

/// A port check must not hold a connection to the relay for minutes.
#[tokio::test(start_paused = true)]
async fn a_client_that_goes_before_the_banner_takes_the_session_with_it() {
    let (mut client, mut relay, session) = World::new().session();
    client.close();
    let (end, heard) = tokio::join!(session, relay.hear_all());
    assert!(matches!(end, Err(SessionError::Client(PeerError::Closed))), "{end:?}");
    assert!(heard.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_ends_at_once_when_the_daemon_stops() {
    let world = World::new();
    let (mut client, relay, session) = world.session();
    let talk = async {
        client.say("EHLO c\r\n");
        sleep(Duration::from_millis(1)).await;
        world.stop.send_replace(true);
        client.hear_all().await
    };
    let (end, _, answers) = tokio::join!(session, ModelRelay::new(relay, Newlines::Strict).serve(), talk);
    assert!(matches!(end, Err(SessionError::Stopping)), "{end:?}");
    assert!(answers.ends_with(b"421 4.3.2 Service shutting down, try again later\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_finished_before_the_daemon_stops() {
    let after = |text: &str| CLIENTS_PART.find(text).unwrap() + text.len();
    for said in [after("<a@b>\r\n"), after("<c@d>\r\n"), after("DATA\r\n"), after("Subject:")] {
        let world = World::new();
        let (mut client, relay, session) = world.session();
        let (first, second) = CLIENTS_PART.split_at(said);
        let talk = async {
            client.say(first);
            sleep(Duration::from_millis(1)).await;
            world.stop.send_replace(true);
            sleep(Duration::from_secs(20)).await;
            client.say(second);
            client.hear_all().await
        };
        let (end, heard, answers) = tokio::join!(session, ModelRelay::new(relay, Newlines::Strict).serve(), talk);
        assert!(matches!(end, Err(SessionError::Stopping)), "{end:?} after {first:?}");
        assert_eq!(heard.delivered.len(), 1, "after {first:?}");
        let answers = String::from_utf8(answers).unwrap();
        assert!(answers.ends_with("queued as 1\r\n421 4.3.2 Service shutting down, try again later\r\n"), "{answers}");
    }
}

/// With a relay that does not pipeline, each command waits for the reply to the one before it.
#[tokio::test(start_paused = true)]
async fn a_relay_without_pipelining_gets_one_command_at_a_time() {
    let (mut client, mut relay, session) = World::new().session();
    let relays_part = async {
        relay.say("220 r\r\n");
        for line in ["EHLO c\r\n", "MAIL FROM:<a@b>\r\n", "RCPT TO:<c@d>\r\n"] {
            assert_eq!(relay.hear_line().await, line.as_bytes());
            // The clock moves only when nobody has anything left to do.
            sleep(Duration::from_secs(1)).await;
            assert!(!relay.has_more(), "more than {line:?} was sent");
            relay.say("250 Ok\r\n");
        }
        relay.close();
    };
    let talk = async {
        client.say("EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
        client.hear_all().await
    };
    let _ = tokio::join!(session, relays_part, talk);
}

/// With one that does, a batch goes out before the first reply is there, and comes back the same way.
#[tokio::test(start_paused = true)]
async fn a_relay_with_pipelining_gets_batches() {
    let (mut client, mut relay, session) = World::new().session();
    let batch = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\n";
    let relays_part = async {
        relay.say("220 r\r\n");
        relay.hear_line().await;
        relay.say("250-r\r\n250 PIPELINING\r\n");
        assert_eq!(relay.hear(batch.len()).await, batch);
        relay.say("250 1\r\n250 2\r\n450 3\r\n");
        relay.hear_all().await
    };
    let talk = async {
        client.say([b"EHLO c\r\n", batch.as_slice()].concat());
        client.close();
        client.hear_all().await
    };
    let (_, _, answers) = tokio::join!(session, relays_part, talk);
    assert!(answers.ends_with(b"250 1\r\n250 2\r\n450 3\r\n"));
}
