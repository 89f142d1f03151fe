//! Mail of every kind through a real Postfix, set up from the files of examples/postfix/both, out and in.

use integration_tests::{
    client::Client,
    foreign::{Foreign, Wanted},
    messages::{self, Kind},
    ours, postfix, programs,
    sink::{Manners, Received},
    site::{Site, Variation},
};
use std::{
    process::Command,
    sync::{Arc, Mutex, Weak},
};

/// The site that most tests share: started by the first, ended by the last. None, aloud, if there is no Postfix.
fn site() -> Option<Arc<Site>> {
    static SITE: Mutex<Weak<Site>> = Mutex::new(Weak::new());
    if skipped() {
        return None;
    }
    let mut shared = SITE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let site = shared.upgrade().unwrap_or_else(|| Arc::new(Site::vary(Variation { main: MAIN, ..refusing() })));
    *shared = Arc::downgrade(&site);
    Some(site)
}

fn skipped() -> bool {
    programs::skipped("Postfix (and root, to start it)", postfix::available())
}

/// Behind both daemons, Postfix refuses one recipient.
fn refusing() -> Variation<'static> {
    Variation {
        substitute: &[(
            "smtpd_recipient_restrictions=permit_mynetworks,reject",
            "smtpd_recipient_restrictions=inline:{nobody@example.org=REJECT,nobody@example.net=REJECT},permit_mynetworks,reject",
        )],
        ..Variation::default()
    }
}

/// What these tests need beyond the examples: large messages, an address to rewrite, clients that may say who they are. These
/// all come from $mynetworks; what holds for the rest of the world shall hold for them. (Whether such a client is local, smtpd knows by permit_mynetworks alone: permit_inet_interfaces looks at the socket.)
const MAIN: &str = "message_size_limit = 60000000
smtpd_authorized_xclient_hosts = 127.0.0.1
local_header_rewrite_clients = permit_mynetworks
smtpd_forbid_bare_newline_exclusions =
canonical_maps = inline:{jean@inside.example.net=jean@example.net}
";

/// Hands in `message` as a user of example.net, and returns it as the world gets it.
fn send_out(site: &Site, subject: &str, mail: &str, message: &[u8]) -> Received {
    Client::hello(site.submission()).deliver(mail, &["<pierre@example.org>"], message);
    arrived_outside(site, subject)
}

fn arrived_outside(site: &Site, subject: &str) -> Received {
    site.world.message_where(subject, |message| message.fields("Subject") == [subject])
}

fn arrived_in_mailbox(site: &Site, subject: &str) -> Received {
    site.mailboxes.message_where(subject, |message| message.fields("Subject") == [subject])
}

/// Exactly one signature, and everybody says that it is good.
fn assert_signed(site: &Site, kind: &str, message: &[u8], judges: &[Foreign]) {
    assert_eq!(messages::fields(message, "DKIM-Signature").len(), 1, "{kind}: not signed once");
    let zone = [(site.key.name.clone(), site.key.record.clone())];
    assert_eq!(ours::results(message, &zone), ["pass"], "{kind}: our own verifier");
    for judge in judges {
        assert_eq!(judge.verify(message, &zone), ["pass"], "{kind}: {judge:?}");
    }
}

const EIGHT_BIT: &str = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n";

fn parameters(kind: &Kind) -> &'static str {
    if kind.eight_bit { "<jean@example.net> BODY=8BITMIME" } else { "<jean@example.net>" }
}

#[test]
fn mail_of_every_kind_goes_out_signed() {
    let Some(site) = site() else { return };
    let judges = Foreign::installed();
    for kind in messages::kinds() {
        let received = send_out(&site, kind.name, parameters(&kind), &kind.message);
        assert_signed(&site, kind.name, &received.message(), &judges);
    }
}

#[test]
fn what_is_signed_arrives_as_it_was_handed_in() {
    let Some(site) = site() else { return };
    for (subject, body) in [("dots-out", ".\n..\n.x\n"), ("blanks-out", "a  b \n\n c\n"), ("text-out", "Hello\n")] {
        let message = messages::text(subject, "", body);
        let received = send_out(&site, subject, "<jean@example.net>", message.as_bytes()).message();
        assert_eq!(messages::body(&received), messages::body(message.as_bytes()), "{subject}");
    }
}

/// smtp(8) folds lines of more than 998 octets by CRLF and a blank. The dksign transport does so in front of the signature.
#[test]
fn long_lines_are_folded_before_they_are_signed() {
    let Some(site) = site() else { return };
    let message = messages::text("folded-out", "", &format!("{}\n", "x".repeat(10_000)));
    let received = send_out(&site, "folded-out", "<jean@example.net>", message.as_bytes()).message();
    let body = String::from_utf8_lossy(messages::body(&received)).into_owned();
    assert!(body.split("\r\n").all(|line| line.len() <= 998));
    assert_eq!(body.replace("\r\n ", ""), format!("{}\r\n", "x".repeat(10_000)));
    assert_signed(&site, "folded-out", &received, &[]);
}

#[test]
fn fifty_megabytes_go_out_and_come_in() {
    let Some(site) = site() else { return };
    let message = messages::large("large", 50_000_000);
    let received = send_out(&site, "large", "<jean@example.net>", &message).message();
    assert_eq!(messages::body(&received).len(), messages::body(&message).len());
    assert_signed(&site, "large", &received, &[]);
    drop(message);
    Client::hello(site.smtp()).deliver("<jean@example.net>", &["<kevin@example.net>"], &received);
    let delivered = arrived_in_mailbox(&site, "large");
    assert!(delivered.fields("Authentication-Results")[0].contains("dkim=pass"));
    assert_eq!(messages::body(&delivered.message()), messages::body(&received));
}

/// A signature makes a message larger. That must not push it over the limit behind the daemons.
#[test]
fn a_message_just_below_the_limit_of_size_passes() {
    if skipped() {
        return;
    }
    let site = Site::vary(Variation { main: "message_size_limit = 100000\n", ..Variation::default() });
    for (way, addr, recipient) in
        [("out", site.submission(), "<pierre@example.org>"), ("in", site.smtp(), "<kevin@example.net>")]
    {
        let mut largest = None;
        for size in (97_000..101_000).step_by(100) {
            let subject = format!("{way}-{size}");
            let mut message = messages::text(&subject, "", "").into_bytes();
            while message.len() < size {
                message.resize(size.min(message.len() + 990), b'x');
                message.extend_from_slice(b"\r\n");
            }
            let mut client = Client::hello(addr);
            client.command("MAIL FROM:<jean@example.net>", "250");
            client.command(&format!("RCPT TO:{recipient}"), "250");
            let reply = client.data(&message);
            if reply.starts_with("552") {
                break;
            }
            assert!(reply.starts_with("250"), "{reply}");
            largest = Some(subject);
        }
        let largest = largest.expect("a message below the limit");
        assert_ne!(largest, format!("{way}-100900"), "nothing was too large");
        if way == "out" {
            arrived_outside(&site, &largest)
        } else {
            arrived_in_mailbox(&site, &largest)
        };
    }
}

/// The header is completed and rewritten at submission, in front of the signature, and never behind it.
#[test]
fn header_rewriting_happens_in_front_of_the_signature() {
    let Some(site) = site() else { return };
    let message = "From: jean@inside.example.net\r\nTo: pierre@example.org\r\nSubject: incomplete\r\n\r\nx\r\n";
    let received = send_out(&site, "incomplete", "<jean@inside.example.net>", message.as_bytes());
    assert_eq!(received.fields("From"), ["jean@example.net"]);
    assert_eq!(received.fields("Date").len(), 1, "Postfix completes mail of its users");
    assert_eq!(received.mail.split(' ').nth(1), Some("FROM:<jean@example.net>"));
    assert_signed(&site, "incomplete", &received.message(), &Foreign::installed());
}

#[test]
fn stray_carriage_returns_and_line_feeds_do_not_break_the_signature() {
    let Some(site) = site() else { return };
    let message = messages::text("stray", "", "") + "one\ntwo\rthree\r\r\nfour\n.\nfive\n.\r\nsix\r\n";
    let received = send_out(&site, "stray", "<jean@example.net>", message.as_bytes());
    assert_signed(&site, "stray", &received.message(), &Foreign::installed());
    let raw = received.raw;
    let strays = raw.split(|&octet| octet == b'\n').filter(|line| line.last() != Some(&b'\r') && !line.is_empty());
    assert_eq!(strays.count(), 0, "a line feed alone went out");
}

/// The text of a message never becomes a second one, whichever way in it takes.
#[test]
fn nothing_can_be_smuggled_through() {
    let Some(site) = site() else { return };
    for (end, name) in [("\n.\n", "lf-lf"), ("\n.\r\n", "lf-crlf"), ("\r\n.\n", "crlf-lf"), ("\r.\r\n", "cr-crlf")] {
        for (way, addr) in [("out", site.submission()), ("in", site.smtp())] {
            let subject = format!("{way}-{name}");
            let evil =
                "MAIL FROM:<evil@example.org>\r\nRCPT TO:<kevin@example.net>\r\nDATA\r\nSubject: smuggled\r\n\r\nx";
            let message = messages::text(&subject, "", "x") + end + evil + "\r\n";
            let mut client = Client::hello(addr);
            client.command("MAIL FROM:<jean@example.net>", "250");
            client.command("RCPT TO:<kevin@example.net>", "250");
            client.data(message.as_bytes());
            arrived_in_mailbox(&site, &subject);
        }
    }
    let envelopes = |messages: &[Received]| messages.iter().map(|message| message.mail.clone()).collect::<Vec<_>>();
    let envelopes = site.mailboxes.inspect(envelopes);
    assert!(envelopes.iter().all(|mail| !mail.contains("evil@example.org")), "{envelopes:?}");
}

/// Nor if the smtpd behind us takes LF for a line end, as Postfix 3.7 does of clients in $mynetworks by default.
#[test]
fn nothing_can_be_smuggled_through_us_into_a_lenient_postfix() {
    if skipped() {
        return;
    }
    let substitute = &[("-o smtpd_forbid_bare_newline=normalize", "-o smtpd_forbid_bare_newline=no")];
    let site = Site::vary(Variation { substitute, ..Variation::default() });
    let evil = "MAIL FROM:<evil@example.org>\r\nRCPT TO:<kevin@example.net>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n";
    let ends = ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r\n", "\r.\r", "\r\n.\r", "\n.\r", "\r\n\0.\r\n", "\r\n.\0\r\n"];
    for (number, end) in ends.into_iter().enumerate() {
        for (way, addr) in [("out", site.out.addr()), ("in", site.incoming.addr())] {
            let subject = format!("{way}-{number}");
            let mut client = Client::hello(addr);
            client.command("MAIL FROM:<jean@example.net>", "250");
            client.command("RCPT TO:<kevin@example.net>", "250");
            let reply = client.data((messages::text(&subject, "", "x") + end + evil).as_bytes());
            assert!(reply.starts_with("250"), "{end:?}: {reply}");
            client.command("NOOP", "250");
            arrived_in_mailbox(&site, &subject);
        }
    }
    let count = site.mailboxes.inspect(<[Received]>::len);
    assert_eq!(count, 2 * ends.len(), "a message too many");
}

#[test]
fn envelopes_keep_their_parameters_on_the_way_out() {
    let Some(site) = site() else { return };
    let message = messages::text("dsn-out", "", "x\n");
    let mut client = Client::hello(site.submission());
    let mail = "<jean@example.net> RET=HDRS ENVID=QQ+2B314159";
    client.deliver(
        mail,
        &["<pierre@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Pierre+2BX@example.org"],
        message.as_bytes(),
    );
    let received = arrived_outside(&site, "dsn-out");
    assert!(received.mail.contains(" RET=HDRS") && received.mail.contains(" ENVID=QQ+2B314159"), "{}", received.mail);
    let recipient = &received.recipients[0];
    assert!(recipient.contains(" NOTIFY=SUCCESS,FAILURE"), "{recipient}");
    assert!(recipient.contains(" ORCPT=rfc822;Pierre+2BX@example.org"), "{recipient}");
}

#[test]
fn smtputf8_and_the_null_sender_pass() {
    let Some(site) = site() else { return };
    let message = messages::text("utf8", "", "x\n").replace("To: Jean Pierre <pierre@", "To: Pierre <pièrre@");
    let mut client = Client::hello(site.submission());
    client.deliver("<jéan@example.net> BODY=8BITMIME SMTPUTF8", &["<pièrre@example.org>"], message.as_bytes());
    let received = arrived_outside(&site, "utf8");
    assert!(
        received.mail.starts_with("MAIL FROM:<jéan@example.net>") && received.mail.contains("SMTPUTF8"),
        "{received:?}"
    );
    assert!(received.recipients[0].starts_with("RCPT TO:<pièrre@example.org>"));
    assert_signed(&site, "utf8", &received.message(), &[]);

    let message = messages::text("null-sender", "", "x\n");
    assert!(send_out(&site, "null-sender", "<>", message.as_bytes()).mail.starts_with("MAIL FROM:<>"));
    client.command("RSET", "250");
    let mut client = Client::hello(site.smtp());
    client.deliver("<>", &["<kevin@example.net>"], message.as_bytes());
    assert!(arrived_in_mailbox(&site, "null-sender").mail.starts_with("MAIL FROM:<>"));
}

/// Before the queue, each recipient's refusal behind us is the client's answer to that recipient.
#[test]
fn recipients_are_refused_one_by_one() {
    let Some(site) = site() else { return };
    let mut client = Client::hello(site.smtp());
    client.command("MAIL FROM:<pierre@example.org>", "250");
    for number in 0..100 {
        client.command(&format!("RCPT TO:<user{number}@example.net>"), "250");
        if number % 20 == 0 {
            client.command("RCPT TO:<nobody@example.net>", "554 5.7.1 <nobody@example.net>");
        }
    }
    let message = messages::text("hundred", "", "x\n");
    assert!(client.data(message.as_bytes()).starts_with("250"));
    let hundred = |message: &&Received| message.fields("Subject") == ["hundred"];
    let recipients = |messages: &[Received]| -> Vec<String> {
        messages.iter().filter(hundred).flat_map(|message| message.recipients.clone()).collect()
    };
    site.mailboxes.wait_until("a hundred deliveries", |messages| recipients(messages).len() >= 100);
    assert!(site.mailboxes.inspect(recipients).iter().all(|recipient| !recipient.contains("nobody")));
}

/// Behind the queue, a refusal becomes a bounce for that recipient; the others get their mail.
#[test]
fn a_refused_recipient_does_not_keep_the_mail_from_the_others() {
    let Some(site) = site() else { return };
    let message = messages::text("some-refused", "", "x\n");
    let recipients = ["<pierre@example.org>", "<nobody@example.org>", "<paul@example.org>"];
    Client::hello(site.submission()).deliver("<kevin@example.net>", &recipients, message.as_bytes());
    let received = arrived_outside(&site, "some-refused");
    assert_eq!(received.recipients.len(), 2);
    let bounce = site.mailboxes.message_where("a bounce", |message| {
        message.mail.starts_with("MAIL FROM:<>")
            && message.message().windows(18).any(|text| text == b"nobody@example.org")
    });
    assert!(bounce.recipients[0].contains("<kevin@example.net>"));
}

#[test]
fn signatures_of_foreign_signers_are_verified() {
    let Some(site) = site() else { return };
    for signer in Foreign::installed() {
        for kind in messages::kinds() {
            let subject = format!("{signer:?}-{}", kind.name);
            let message = String::from_utf8(kind.message.clone()).expect("kinds are text");
            let message = message.replace(&format!("Subject: {}", kind.name), &format!("Subject: {subject}"));
            let signed =
                signer.sign(message.as_bytes(), &Wanted { key: &site.key, canonicalization: "relaxed/simple" });
            Client::hello(site.smtp()).deliver(parameters(&kind), &["<kevin@example.net>"], &signed);
            let received = arrived_in_mailbox(&site, &subject);
            let results = received.fields("Authentication-Results");
            assert_eq!(results.len(), 1, "{subject}");
            assert!(
                results[0].starts_with("mail.example.net;") && results[0].contains("dkim=pass"),
                "{subject}: {results:?}"
            );
            assert!(results[0].contains("header.d=example.net"), "{subject}: {results:?}");
            let (got, sent) = (received.message(), messages::body(&signed));
            assert_eq!(messages::body(&got), sent, "{subject}: the body was changed");
        }
    }
}

#[test]
fn what_was_changed_on_its_way_is_told_apart() {
    let Some(site) = site() else { return };
    let message = messages::text("changed", "", "Pay 10 euro.\n");
    let signed = send_out(&site, "changed", "<jean@example.net>", message.as_bytes()).message();
    let changed = String::from_utf8(signed).expect("text").replace("Pay 10 euro", "Pay 1000 euro");
    Client::hello(site.smtp()).deliver("<jean@example.net>", &["<kevin@example.net>"], changed.as_bytes());
    let received = arrived_in_mailbox(&site, "changed");
    assert!(received.fields("Authentication-Results")[0].contains("dkim=fail"));
    assert_eq!(received.fields("X-DKIM-Authentication-Results").len(), 1);
}

#[test]
fn forged_results_are_removed_and_others_stay() {
    let Some(site) = site() else { return };
    let forged = "Authentication-Results: mail.example.net; dkim=pass header.d=bank.example\n\
                  Authentication-Results: MAIL.example.NET; spf=pass\n\
                  Authentication-Results: other.example; dkim=fail\n";
    let message = messages::text("forged", forged, "x\n");
    Client::hello(site.smtp()).deliver("<jean@example.net>", &["<kevin@example.net>"], message.as_bytes());
    let results = arrived_in_mailbox(&site, "forged").fields("Authentication-Results");
    assert_eq!(results.len(), 2, "{results:?}");
    assert!(results[0].starts_with("mail.example.net;") && results[0].contains("dkim=none"), "{results:?}");
    assert_eq!(results[1], "other.example; dkim=fail");
}

/// XFORWARD: our log and the smtpd behind us name the client of port 25, and mail from outside is not completed as if it
/// were local.
#[test]
fn the_client_of_port_25_is_known_behind_us() {
    let Some(site) = site() else { return };
    let mut client = Client::hello(site.smtp());
    client.command("XCLIENT ADDR=192.0.2.77 NAME=mx.client.example HELO=mx.client.example PROTO=ESMTP", "220");
    client.command("EHLO mx.client.example", "250");
    let message = "From: pierre@example.org\r\nSubject: xforward\r\n\r\nx\r\n";
    client.deliver("<pierre@example.org>", &["<kevin@example.net>"], message.as_bytes());
    let received = arrived_in_mailbox(&site, "xforward");
    assert_eq!(received.fields("Date"), [""; 0], "mail from outside was completed: SOURCE did not arrive");
    site.postfix().line_with("orig_client=mx.client.example[192.0.2.77]");
    site.incoming.line_with("192.0.2.77");
}

#[test]
fn eight_bit_mail_is_signed_as_it_is() {
    let Some(site) = site() else { return };
    let message = messages::text("8-bit-out", EIGHT_BIT, "Grüße\n");
    let received = send_out(&site, "8-bit-out", "<jean@example.net> BODY=8BITMIME", message.as_bytes());
    assert!(received.mail.contains("BODY=8BITMIME"), "{}", received.mail);
    assert_eq!(messages::body(&received.message()), messages::body(message.as_bytes()));
    assert_signed(&site, "8-bit-out", &received.message(), &[]);
}

/// The other choice that master.cf names: 8-bit text is made 7-bit before it is signed, so a server that takes nothing else
/// does not break the signature.
#[test]
fn a_world_without_8bitmime_gets_valid_signatures_if_wanted() {
    if skipped() {
        return;
    }
    let substitute = &[
        ("-o smtp_discard_ehlo_keywords=starttls", "-o smtp_discard_ehlo_keywords=8bitmime,smtputf8,starttls"),
        ("-o disable_mime_output_conversion=yes", "-o disable_mime_output_conversion=no"),
    ];
    let world = Manners::default().extensions(&["PIPELINING", "SIZE"]);
    let site = Site::vary(Variation { substitute, world, ..Variation::default() });
    let message = messages::text("7-bit-out", EIGHT_BIT, "Grüße\n");
    let received = send_out(&site, "7-bit-out", "<jean@example.net> BODY=8BITMIME", message.as_bytes());
    assert_eq!(received.fields("Content-Transfer-Encoding"), ["quoted-printable"]);
    assert_signed(&site, "7-bit-out", &received.message(), &Foreign::installed());
}

#[test]
fn lettre_hands_in_mail() {
    use lettre::{Message, SmtpTransport, Transport};
    let Some(site) = site() else { return };
    let message = Message::builder()
        .from("Jean <jean@example.net>".parse().expect("an address"))
        .to("pierre@example.org".parse().expect("an address"))
        .subject("lettre")
        .body("Grüße\n".to_owned())
        .expect("a message");
    let transport = SmtpTransport::builder_dangerous("127.0.0.1").port(site.submission().port()).build();
    transport.send(&message).expect("accepted");
    let received = arrived_outside(&site, "lettre");
    assert_signed(&site, "lettre", &received.message(), &Foreign::installed());
}

#[test]
fn swaks_hands_in_mail() {
    let Some(site) = site() else { return };
    let Some(swaks) = programs::foreign("swaks") else {
        programs::skipped("swaks", false);
        return;
    };
    let mut command = Command::new(swaks);
    command.args([
        "--server",
        "127.0.0.1",
        "--port",
        &site.submission().port().to_string(),
        "--from",
        "jean@example.net",
    ]);
    command.args(["--to", "pierre@example.org", "--header", "Subject: swaks", "--body", "Hello"]);
    programs::output_of(&mut command, b"");
    let received = arrived_outside(&site, "swaks");
    assert_signed(&site, "swaks", &received.message(), &Foreign::installed());
}

/// Many messages, several at a time, several for each connection.
#[test]
fn smtp_source_hands_in_a_hundred() {
    let Some(site) = site() else { return };
    let Some(source) = programs::foreign("smtp-source") else {
        programs::skipped("smtp-source", false);
        return;
    };
    let mut command = Command::new(source);
    command.args(["-s", "4", "-m", "100", "-d", "-l", "4000", "-f", "jean@example.net", "-t", "pierre@example.org"]);
    command.args(["-S", "source"]).arg(site.submission().to_string());
    programs::output_of(&mut command, b"");
    let signed = |messages: &[Received]| -> Vec<usize> {
        let sources = messages.iter().filter(|message| message.fields("Subject") == ["source"]);
        sources.map(|message| message.fields("DKIM-Signature").len()).collect()
    };
    site.world.wait_until("a hundred messages", |messages| signed(messages).len() >= 100);
    assert_eq!(site.world.inspect(signed), [1; 100]);
}
