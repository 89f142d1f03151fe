use super::*;
use crate::config::{Entry, Origin, tests::PROGRAM};

fn raw(lines: &[(&str, &str)]) -> RawConfig {
    let entry = |(index, &(key, value)): (usize, &(&str, &str))| Entry {
        key: PROGRAM.option(key).unwrap(),
        value: value.to_owned(),
        origin: Origin::File { path: "f".into(), line: index + 1 },
    };
    RawConfig::new(&PROGRAM, Vec::new(), lines.iter().enumerate().map(entry).collect())
}

fn understand(lines: &[(&str, &str)]) -> Result<DaemonConfig, Vec<String>> {
    let mut problems = Problems::default();
    let config = DaemonConfig::from_raw(&raw(lines), &mut problems);
    config.ok_or_else(|| problems.iter().map(ToString::to_string).collect())
}

const LEAST: [(&str, &str); 2] = [("listen", "127.0.0.1:10027"), ("relay", "127.0.0.1:10028")];

fn with(key: &str, value: &str) -> Result<DaemonConfig, Vec<String>> {
    understand(&[LEAST[0], LEAST[1], (key, value)])
}

#[test]
fn the_defaults_of_the_options_are_those_of_the_types() {
    let config = understand(&LEAST).unwrap();
    let default = Settings::new(config.settings.relay.clone(), hostname(&raw(&LEAST)));
    assert_eq!(format!("{:?}", config.settings), format!("{default:?}"));
    assert_eq!(config.process, Process::default());
    assert_eq!(config.log.ident, "test.proxy");
    assert_eq!((config.log.target, config.log.level, config.log.facility), (log::Target::Auto, Level::INFO, 2));
    assert_eq!(config.notes, Vec::<String>::new());
}

#[test]
fn the_least_there_must_be() {
    let problems = understand(&[]).unwrap_err();
    assert_eq!(
        problems,
        [
            "listen: no address to listen on was given; listen 127.0.0.1:10027 is right",
            "relay: no address to pass mail on to was given; relay 127.0.0.1:10028 is right",
        ]
    );
}

#[test]
fn all_mistakes_at_once() {
    let problems = understand(&[
        ("listen", "127.0.0.1:99999"),
        ("relay", "127.0.0.1:0"),
        ("max_connections", "0"),
        ("client_timeout", "soon"),
        ("message_size_limit", "big"),
        ("log_level", "loud"),
        ("cidr_allow", "127.0.0.1/33"),
        ("allow", "^(a|b)"),
        ("daemonize", "perhaps"),
        ("threads", "0"),
        ("socket_mode", "999"),
        ("stray_newlines", "eat"),
        ("syslog_facility", "post"),
        ("spool_dir", "/nonexistent"),
        ("hostname", "a b"),
        ("command_line_limit", "100"),
    ])
    .unwrap_err();
    let mut places: Vec<_> = problems.iter().map(|problem| problem.split(": ").next().unwrap().to_owned()).collect();
    places.sort_by_key(|place| place.trim_start_matches("f:").parse::<usize>().unwrap());
    assert_eq!(places, (1..=16).map(|line| format!("f:{line}")).collect::<Vec<_>>(), "{problems:#?}");
    assert!(problems.contains(&"f:1: listen: \"99999\" is no port; a number from 1 to 65535 is right".to_owned()));
}

#[test]
fn addresses_in_every_form() {
    let listeners = |lines: &[(&str, &str)]| {
        let all = [&[("relay", "h")], lines].concat();
        understand(&all).unwrap().listeners.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(listeners(&[("listen", "*:1"), ("listen", "[::1]:2")]), ["0.0.0.0:1", "[::1]:2"]);
    assert_eq!(listeners(&[("listen", "127.0.0.1")]), ["127.0.0.1:20203"]);
    assert_eq!(listeners(&[("port", "1")]), ["0.0.0.0:1"]);
    assert_eq!(listeners(&[("host", "a"), ("host", "::1"), ("port", "1")]), ["a:1", "[::1]:1"]);
    assert_eq!(listeners(&[("listen", "a:1"), ("port", "2")]), ["a:1"]);
    let relay = |lines: &[(&str, &str)]| {
        let all = [&LEAST[..1], lines].concat();
        understand(&all).unwrap().settings.relay.to_string()
    };
    assert_eq!(relay(&[("relay", "h")]), "h:25");
    assert_eq!(relay(&[("relay_host", "h")]), "h:25");
    assert_eq!(relay(&[("relay_host", "h"), ("relay_port", "26")]), "h:26");
    assert_eq!(relay(&[("relay_host", "h"), ("relay", "i:27")]), "i:27");
}

#[test]
fn a_relay_that_is_ourselves_is_refused() {
    let problems = understand(&[("listen", "0.0.0.0:25"), ("relay", "localhost:25")]).unwrap_err();
    assert_eq!(problems, ["f:2: relay: localhost:25 is where we listen (0.0.0.0:25): mail would go round in circles"]);
}

#[test]
fn who_may_connect() {
    let config = understand(&[
        LEAST[0],
        LEAST[1],
        ("cidr_allow", "10.0.0.0/8, ::1"),
        ("allow", r"^192\.168\."),
        ("cidr_deny", "10.1.0.0/16"),
        ("xforward_hosts", "10.0.0.1"),
    ])
    .unwrap();
    let allowed = |addr: &str| config.settings.allow.contains(addr.parse().unwrap());
    assert!(allowed("10.2.3.4") && allowed("::1") && allowed("192.168.9.9") && !allowed("127.0.0.1"));
    assert!(config.settings.deny.contains("10.1.2.3".parse().unwrap()));
    assert!(!config.settings.xforward_hosts.contains("127.0.0.1".parse().unwrap()));
}

#[test]
fn strangers_at_the_door_are_announced() {
    let notes = |listen| understand(&[("listen", listen), LEAST[1]]).unwrap().notes.join("\n");
    assert!(notes("0.0.0.0:25").contains("ATTENTION"));
    assert!(notes("mail.example:25").contains("ATTENTION"));
    assert_eq!(notes("127.0.0.5:25") + &notes("localhost:25") + &notes("[::1]:25") + &notes("unix:/run/x"), "");
    let config = understand(&[("listen", "*:25"), LEAST[1], ("cidr_allow", "10.0.0.0/8")]).unwrap();
    assert_eq!(config.notes, Vec::<String>::new());
}

#[test]
fn net_servers_options_are_named_in_one_line() {
    let config =
        understand(&[LEAST[0], LEAST[1], ("min_servers", "5"), ("max_requests", "9"), ("max_servers", "50")]).unwrap();
    let expected = "these options of Net::Server have no meaning here and can be removed: max_requests, min_servers";
    assert_eq!(config.notes, [expected]);
    assert_eq!(config.settings.limits.connections, 50);
}

#[test]
fn what_values_mean() {
    assert_eq!(with("group", "a, b c").unwrap().process.groups, ["a", "b", "c"]);
    assert_eq!(with("message_size_limit", "50M").unwrap().settings.limits.message_size, Some(50 << 20));
    assert_eq!(with("client_timeout", "72s").unwrap().settings.timeouts.client_command, Duration::from_secs(72));
    assert_eq!(with("log_file", "Sys::Syslog").unwrap().log.target, log::Target::Syslog);
    assert_eq!(with("log_file", "/x").unwrap().log.target, log::Target::File("/x".into()));
    assert_eq!(with("log_level", "4").unwrap().log.level, Level::DEBUG);
    assert_eq!(with("debugtrace", "1").unwrap().log.level, Level::TRACE);
    assert_eq!(with("syslog_facility", "LOG_LOCAL3").unwrap().log.facility, 19);
    assert_eq!(with("socket_mode", "0666").unwrap().socket_mode, 0o666);
    assert_eq!(with("threads", "3").unwrap().threads, 3);
    assert_eq!(with("stray_newlines", "reject").unwrap().settings.stray_newlines, StrayNewlines::Reject);
    assert_eq!(with("discard_ehlo_keywords", "dsn, size").unwrap().settings.discard_ehlo, ["DSN", "SIZE"]);
    assert_eq!(with("hostname", "mail.example").unwrap().settings.hostname, "mail.example");
}
