use super::*;
use crate::filter::{Client, Decision, Edits, Reply, Transaction, Verdict};
use proptest::prelude::*;
use std::{os::unix::net::UnixDatagram, time::Duration};
use tracing::subscriber::with_default;

fn settings(target: Target) -> Settings {
    Settings {
        target,
        level: Level::INFO,
        format: Format::Text,
        ident: "dkimproxy.out".into(),
        facility: MAIL,
        socket: PathBuf::from("/nonexistent"),
    }
}

fn decision(fields: &[(&'static str, &str)]) -> Decision {
    Decision {
        verdict: Verdict::Relay(Edits::default()),
        summary: "DKIM signing - signed".into(),
        fields: fields.iter().map(|&(name, value)| (name, value.to_owned())).collect(),
        warn: false,
    }
}

/// Logs one message, relayed to `250 2.0.0 Ok`.
fn log_message(decision: &Decision) {
    let client = Client { addr: Some([127, 0, 0, 1].into()), helo: "h".into() };
    let mut transaction = Transaction::default();
    transaction.original_client.ident = Some("4XyZ".into());
    let reply = Reply::new(250, "2.0.0", "Ok: queued");
    let elapsed = Duration::from_millis(12);
    message(
        decision,
        &Delivery { client: &client, transaction: &transaction, reply: &reply, relayed: true, size: 99, elapsed },
    );
}

/// What `log` writes to a file with these settings.
fn written(level: Level, format: Format, log: impl FnOnce()) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let settings = Settings { level, format, ..settings(Target::File(path.clone())) };
    with_default(subscriber(&settings).unwrap(), log);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_line_has_the_shape_of_1_4_1_first() {
    let fields =
        [("message-id", "x@y"), ("signer", "@example.org"), ("from", "a@example.org"), ("rule", "example.org")];
    let text = written(Level::INFO, Format::Text, || log_message(&decision(&fields)));
    let (_, line) = text.split_once("]: ").unwrap();
    assert_eq!(
        line,
        "DKIM signing - signed; message-id=<x@y>, signer=<@example.org>, from=<a@example.org>, rule=example.org, \
         client=127.0.0.1, queue-id=4XyZ, relay=\"250 2.0.0 Ok: queued\", size=99, time=12ms\n"
    );
}

#[test]
fn as_json_it_has_the_same_fields() {
    let fields = [("message-id", "x@y"), ("signer", "@a"), ("signer", "@b")];
    let text = written(Level::INFO, Format::Json, || log_message(&decision(&fields)));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["summary"], "DKIM signing - signed");
    assert_eq!(value["message-id"], "x@y");
    assert_eq!(value["signer"], serde_json::json!(["@a", "@b"]));
    assert_eq!((&value["level"], &value["program"]), (&"info".into(), &"dkimproxy.out".into()));
    assert_eq!((&value["elapsed"], &value["queue-id"]), (&"12ms".into(), &"4XyZ".into()));
    assert!(value["time"].is_f64());
}

#[test]
fn other_events_become_one_line_too() {
    let log = || {
        tracing::warn!(target: "dkimproxy::x", peer = %"1.2.3.4", "bad\nline");
        tracing::debug!(target: "dkimproxy::x", "not asked for");
        tracing::info!(target: "some_library", "chatter");
    };
    let text = written(Level::INFO, Format::Text, log);
    assert!(text.ends_with("]: bad\\x0aline, peer=1.2.3.4\n"), "{text}");
    assert_eq!(text.lines().count(), 1);
    assert_eq!(written(Level::DEBUG, Format::Text, log).lines().count(), 2);
    assert_eq!(written(Level::TRACE, Format::Text, log).lines().count(), 3);
    assert!(written(Level::INFO, Format::Json, log).contains(r#""peer":"1.2.3.4""#));
}

#[test]
fn syslog_gets_datagrams_and_may_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let receive = |socket: &UnixDatagram| {
        let mut octets = [0; 2000];
        let length = socket.recv(&mut octets).unwrap();
        String::from_utf8_lossy(&octets[..length]).into_owned()
    };
    let mut syslogd = UnixDatagram::bind(&path).unwrap();
    let subscriber = subscriber(&Settings { socket: path.clone(), ..settings(Target::Syslog) }).unwrap();
    with_default(subscriber, || {
        log_message(&decision(&[]));
        let line = receive(&syslogd);
        assert!(line.starts_with("<22>"), "{line}");
        let name = format!(" dkimproxy.out[{}]: DKIM signing - signed; client=127.0.0.1, ", std::process::id());
        assert_eq!(line.find(&name), Some("<22>Nov 22 03:20:26".len()), "{line}");
        drop(std::mem::replace(&mut syslogd, UnixDatagram::unbound().unwrap()));
        std::fs::remove_file(&path).unwrap();
        tracing::info!(target: "dkimproxy", "nobody hears this");
        syslogd = UnixDatagram::bind(&path).unwrap();
        tracing::error!(target: "dkimproxy", "but this");
        let line = receive(&syslogd);
        assert!(line.starts_with("<19>") && line.ends_with(": but this"), "{line}");
    });
}

#[test]
fn a_syslog_that_does_not_read_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let syslogd = UnixDatagram::bind(&path).unwrap();
    let subscriber = subscriber(&Settings { socket: path, ..settings(Target::Syslog) }).unwrap();
    with_default(subscriber, || (0..5000).for_each(|_| log_message(&decision(&[]))));
    drop(syslogd);
}

#[test]
fn auto_takes_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let open = |path: PathBuf| {
        format!("{:?}", Sinks::open(&Settings { socket: path, ..settings(Target::Auto) }, None).unwrap())
    };
    assert!(open(path.clone()).contains("syslog: None"));
    let _syslogd = UnixDatagram::bind(&path).unwrap();
    assert!(open(path).contains("syslog: Some"));
}

#[test]
fn a_reload_keeps_the_way_to_syslog_which_a_chroot_may_hide() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let syslogd = UnixDatagram::bind(&path).unwrap();
    let settings = Settings { socket: path.clone(), ..settings(Target::Auto) };
    let before = Sinks::open(&settings, None).unwrap();
    std::fs::rename(&path, folder.path().join("hidden")).unwrap();
    assert!(format!("{:?}", Sinks::open(&settings, Some(&before)).unwrap()).contains("syslog: Some"));
    let elsewhere = Settings { socket: folder.path().join("elsewhere"), ..settings };
    assert!(format!("{:?}", Sinks::open(&elsewhere, Some(&before)).unwrap()).contains("syslog: None"));
    drop(syslogd);
}

proptest! {
    #[test]
    fn promise_7_nothing_from_a_message_splits_or_forges_a_line(value in any::<String>(), summary in any::<String>()) {
        let decision = Decision { summary, ..decision(&[("message-id", &value), ("from", "real@example.org")]) };
        let text = written(Level::INFO, Format::Text, || log_message(&decision));
        prop_assert_eq!(text.lines().count(), 1);
        prop_assert!(!text.trim_end_matches('\n').contains(char::is_control));
        // Who reads the fields after the first semicolon gets what we wrote, in our order.
        let (_, fields) = text.split_once("; ").unwrap();
        let names: Vec<_> = fields.trim_end().split(", ").map(|field| field.split_once('=').unwrap().0).collect();
        prop_assert_eq!(names, ["message-id", "from", "client", "queue-id", "relay", "size", "time"]);
        prop_assert!(fields.contains(">, from=<real@example.org>, client="));
        let text = written(Level::INFO, Format::Json, || log_message(&decision));
        prop_assert_eq!(text.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&value["from"], "real@example.org");
    }
}
