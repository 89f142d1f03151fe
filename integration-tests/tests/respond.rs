//! The auto-responder: whom it answers, how, and by which way.

use integration_tests::{
    messages, programs,
    sink::{Manners, Sink, reply},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Output},
};
use tempfile::TempDir;

/// A folder with a sendmail program that notes how it was called, and a zone without names.
struct World(TempDir);

impl World {
    fn new() -> Self {
        let world = Self(tempfile::tempdir().expect("a temporary folder"));
        let script =
            format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >{0}/arguments\ncat >{0}/mail\n", world.0.path().display());
        fs::write(world.path("sendmail"), script).expect("a new file");
        fs::set_permissions(world.path("sendmail"), fs::Permissions::from_mode(0o755)).expect("a file of ours");
        fs::write(world.path("dns.json"), "{}").expect("a new file");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn respond(&self, message: &[u8], flags: &[&str]) -> Output {
        let mut command = Command::new(programs::ours("dkimproxy-in"));
        command.args(["respond", "--from=test@responder.example", "--hostname=responder.example", "--dns"]);
        command.arg(self.path("dns.json")).args(flags);
        if !flags.iter().any(|flag| flag.starts_with("--smtp")) {
            command.arg("--sendmail").arg(self.path("sendmail"));
        }
        programs::run(command.env_remove("EXTENSION"), message)
    }

    fn sent(&self) -> Option<(String, String)> {
        let read = |name| fs::read_to_string(self.path(name)).ok();
        Some((read("arguments")?, read("mail")?))
    }
}

/// As Postfix's pipe hands it over.
fn delivered(sender: &str) -> Vec<u8> {
    let message = messages::text("test-of-dkim", "", "Hello\n").replace("\r\n", "\n");
    format!("From {sender}  Mon Jan  1 00:00:00 2024\n{message}").into_bytes()
}

#[test]
fn the_envelope_sender_gets_the_findings_from_the_null_sender() {
    let world = World::new();
    let output = world.respond(&delivered("jean@example.net"), &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (arguments, mail) = world.sent().expect("an answer");
    assert_eq!(arguments, "-i\n-f\n<>\n--\njean@example.net\n");
    for line in [
        "From: test@responder.example",
        "To: jean@example.net",
        "Subject: Results of DKIM verification",
        "Auto-Submitted: auto-replied",
        "In-Reply-To: <test-of-dkim@example.net>",
    ] {
        assert!(mail.lines().any(|found| found == line), "no {line:?} in\n{mail}");
    }
    assert!(mail.contains("the message: not signed"), "{mail}");
    assert!(!mail.contains('\r'), "line ends of a file");
    assert!(!mail.contains("message.eml"), "what nobody vouches for is not sent back");
}

#[test]
fn an_answer_can_go_by_smtp() {
    let world = World::new();
    let sink = Sink::start(Manners::default());
    let output = world.respond(&delivered("jean@example.net"), &[&format!("--smtp={}", sink.addr())]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer = sink.messages(1).remove(0);
    assert!(answer.mail.starts_with("MAIL FROM:<>"), "{}", answer.mail);
    assert_eq!(answer.recipients, ["RCPT TO:<jean@example.net>"]);
    assert_eq!(answer.fields("Auto-Submitted"), ["auto-replied"]);
}

#[test]
fn silence_where_an_answer_would_do_harm() {
    let world = World::new();
    let with = |fields: &str| {
        let text = messages::text("x", fields, "Hello\n").replace("\r\n", "\n");
        format!("From jean@example.net Mon Jan 1\n{text}").into_bytes()
    };
    for (message, flags, reason) in [
        (delivered("<>"), &[][..], "null sender"),
        (delivered("MAILER-DAEMON"), &[], "null sender"),
        (delivered("jean@example.net"), &["--sender="], "null sender"),
        (delivered("test@responder.example"), &[], "from ourselves"),
        (delivered("owner-list@example.net"), &[], "no address of a person"),
        (with("List-Id: <l.example.net>\n"), &[], "mailing list (List-Id)"),
        (with("Auto-Submitted: auto-generated\n"), &[], "sent by a program (Auto-Submitted)"),
        (with("Precedence: bulk\n"), &[], "sent by a program (Precedence)"),
    ] {
        let output = world.respond(&message, flags);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains(reason), "{reason}: {said}");
        assert_eq!(world.sent(), None, "{reason}");
    }
}

#[test]
fn what_cannot_be_handed_over_is_tried_again_and_mistakes_are_not() {
    let world = World::new();
    let refuse = |command: &str| if command.starts_with("RCPT") { reply("451 later") } else { None };
    let sink = Sink::start(Manners::default().on(refuse));
    let code = |flags: &[&str], message: &[u8]| world.respond(message, flags).status.code();
    assert_eq!(code(&[&format!("--smtp={}", sink.addr())], &delivered("jean@example.net")), Some(75));
    fs::write(world.path("sendmail"), "#!/bin/sh\ncat >/dev/null\nexit 69\n").expect("a file of ours");
    assert_eq!(code(&[], &delivered("jean@example.net")), Some(75));
    // No delivery: nobody knows whom to answer.
    assert_eq!(code(&[], b"From: jean@example.net\n\nx\n"), Some(1));
    assert_eq!(code(&["--resolver=nowhere"], &delivered("jean@example.net")), Some(2));
}

#[test]
fn what_the_recipients_domain_has_signed_is_sent_back() {
    let world = World::new();
    let key = integration_tests::keys::Key::generate(world.0.path(), "example.net", "s", "ed25519");
    fs::write(world.path("dns.json"), serde_json::json!({ key.name.clone(): [key.record] }).to_string())
        .expect("a file of ours");
    let mut sign = Command::new(programs::ours("dkimproxy-out"));
    sign.args(["sign", "--selector=s", "--keyfile"]).arg(&key.path);
    let signed = programs::output_of(&mut sign, messages::text("x", "", "Hello\n").as_bytes());
    for (sender, sent_back) in [("jean@example.net", true), ("victim@elsewhere.example", false)] {
        let output = world.respond(signed.as_bytes(), &["--sender", sender]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (_, mail) = world.sent().expect("an answer");
        assert!(mail.contains("pass"), "{mail}");
        assert_eq!(mail.contains("filename=\"message.eml\""), sent_back, "{sender}: {mail}");
    }
}
