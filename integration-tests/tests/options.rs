//! Every option of DKIMproxy 1.4.1, in every way it could be written, is taken by ours and means the same; mistakes end with
//! its exit codes.

use integration_tests::programs;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

/// A folder with a key, a map, and a file `conf` with this text. `{}` in it and in arguments stands for the folder.
struct World(TempDir);

impl World {
    fn new(conf: &str) -> Self {
        let world = Self(tempfile::tempdir().expect("a temporary folder"));
        let key = world.path().join("key");
        let mut genkey = Command::new(programs::ours("dkimproxy-out"));
        genkey.args(["genkey", "--domain=example.org", "--type=ed25519", "--out-file"]).arg(&key);
        programs::output_of(&mut genkey, b"");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("a file of ours");
        fs::write(world.path().join("map"), "example.org dkim\n").expect("a new file");
        fs::write(world.path().join("conf"), world.fill(conf)).expect("a new file");
        world
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{}", &self.path().display().to_string())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let arguments = arguments.iter().map(|argument| self.fill(argument));
        programs::run(Command::new(programs::ours(program)).args(arguments), b"")
    }

    /// `check` of the file `conf`, which must be good.
    fn check(&self, program: &str, flags: &[&str]) -> String {
        let arguments = [&["check", "--conf_file={}/conf"][..], flags].concat();
        let output = self.run(program, &arguments);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{program} {arguments:?}: {stderr}");
        stdout
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// What every configuration of dkimproxy-out needs.
const OUT: &str = "listen 127.0.0.1:10027\nrelay 127.0.0.1:10028\ndomain example.org\nselector s1\nkeyfile {}/key\n";
/// Likewise of dkimproxy-in.
const IN: &str = "listen 127.0.0.1:10025\nrelay 127.0.0.1:10026\nhostname mail.example.org\n";

#[test]
fn a_line_can_be_written_in_every_way() {
    let base = OUT.replace("selector s1\n", "");
    for line in [
        "selector s2",
        "selector=s2",
        "selector = s2",
        "selector: s2",
        "--selector s2",
        "  selector\ts2  ",
        "selector s2 # comment",
        "selector s2\r",
        "selector s1\nselector s2",
    ] {
        let world = World::new(&format!("# a comment\n\n{base}{line}\n"));
        let said = world.check("dkimproxy-out", &[]);
        assert!(said.contains("\nselector s2    # "), "{line:?}: {said}");
    }
}

#[test]
fn a_flag_can_be_written_in_every_way_and_beats_the_file() {
    let world = World::new(&format!("{OUT}dkim_method simple\nsignature dkim\nsignature dkim\n"));
    for flags in [
        &["--dkim_method=relaxed"][..],
        &["--dkim-method=relaxed"],
        &["--dkim_method", "relaxed"],
        &["--dkim-method", "relaxed"],
        &["--dkim_method=simple", "--dkim_method=relaxed"],
    ] {
        let said = world.check("dkimproxy-out", flags);
        assert!(said.contains("\ndkim_method relaxed    # the flag: "), "{flags:?}: {said}");
    }
    // Of a key that adds up, the flags count and nothing of the file.
    let said = world.check("dkimproxy-out", &["--signature=dkim(c=simple)"]);
    assert!(said.contains("a=ed25519-sha256,c=simple/simple)") && !said.contains("c=relaxed/"), "{said}");
    // Names and values without dashes, before any command, and the two addresses alone.
    let output =
        world.run("dkimproxy-out", &["conf_file", "{}/conf", "selector=s9", "check", "127.0.0.1:1", "[::1]:2"]);
    let said = text(&output.stdout);
    for line in ["listen 127.0.0.1:1    # the flag", "relay [::1]:2    # the flag", "selector s9    # the flag"] {
        assert!(said.contains(line), "{line}: {said}{}", text(&output.stderr));
    }
}

/// Section by section of the inventory: a line, and what `check` says it means. An empty text: it must be taken.
const OUT_LINES: &[(&str, &str)] = &[
    ("relay_host localhost", ""),
    ("relay_port 10028", ""),
    ("host 127.0.0.1", "host and port do not count, because listen is given"),
    ("port 10027", ""),
    ("reject_error 1", "reject_error: 1.4.1 ignored this key in the file; it counts now"),
    ("reject_error", "reject_error on    # "),
    ("reject_error 0", "reject_error 0    # "),
    ("signature dkim(c=relaxed)", "signature: dkim(s=s1,d=example.org,a=ed25519-sha256,c=relaxed/simple)"),
    ("signature dkim(c=relaxed/relaxed, i=@sub.example.org)", "c=relaxed/relaxed,i=@sub.example.org)"),
    ("method simple", "c=simple/simple"),
    ("method simple/relaxed", "c=simple/relaxed"),
    ("method nowsp", "relaxed/relaxed is used instead"),
    ("dkim_method relaxed/relaxed", "c=relaxed/relaxed"),
    ("domainkeys_method nofws", ""),
    ("identity @example.org", "identity: 1.4.1 ignored this key; it counts now"),
    ("domain a.example, b.example", "domain b.example: dkim("),
    ("sender_map {}/map", "sender_map: 1 rule"),
    ("listid_map {}/map", "listid_map: 1 rule"),
    ("debugtrace 1", "debugtrace 1    # "),
    ("user nobody", "user nobody    # "),
    ("group nogroup, daemon", ""),
    ("daemonize", "daemonize on    # "),
    ("setsid 1", "daemonize 1    # "),
    ("background 1", "daemonize 1    # "),
    ("pidfile /run/x.pid", "pidfile /run/x.pid    # "),
    ("pid_file /run/x.pid", "pidfile /run/x.pid    # "),
    ("max_servers 10", "max_connections 10    # "),
    ("max_servers 1", "max_connections 1    # "),
    ("allow ^127\\.0\\.0\\.1$", ""),
    ("deny 192.0.2.1", ""),
    ("cidr_allow 127.0.0.0/8", ""),
    ("cidr_deny 192.0.2.0/24", ""),
    ("chroot /", ""),
    ("log_file Sys::Syslog", "log_file Sys::Syslog    # "),
    ("log_level 3", ""),
    ("syslog_ident x", ""),
    ("syslog_facility daemon", ""),
];

#[test]
fn each_line_of_old_is_taken_and_explained() {
    for (line, meaning) in OUT_LINES {
        let said = World::new(&format!("{OUT}{line}\n")).check("dkimproxy-out", &[]);
        assert!(said.contains(meaning), "{line}: no {meaning:?} in\n{said}");
    }
    for (line, meaning) in [
        ("hostname mail.example.org", ""),
        ("reject_fail 1", "reject_fail: 1.4.1 ignored this key in the file; it counts now"),
        ("reject_error", "reject_error: 1.4.1 ignored this key in the file; it counts now"),
        ("debugtrace 1", ""),
        ("user nobody", ""),
    ] {
        let said = World::new(&format!("{IN}{line}\n")).check("dkimproxy-in", &[]);
        assert!(said.contains(meaning), "{line}: no {meaning:?} in\n{said}");
    }
}

/// Section 1.6 of the inventory: what only Net::Server knew.
const NET_SERVER: &[&str] = &[
    "server_type PreFork",
    "min_servers 5",
    "min_spare_servers 2",
    "max_spare_servers 10",
    "spare_servers 5",
    "max_requests 1000",
    "check_for_waiting 10",
    "check_for_dead 30",
    "check_for_spawn 30",
    "min_child_ttl 10",
    "check_for_dequeue 60",
    "max_dequeue 1",
    "child_communication 1",
    "serialize flock",
    "lock_file /tmp/x",
    "sig_passthrough USR1",
    "proto tcp",
    "ipv 4",
    "ipv6_package IO::Socket::INET6",
    "reverse_lookups 1",
    "double_reverse_lookups 1",
    "log_function x",
    "no_close_by_child 1",
    "no_client_stdout 1",
    "tie_client_stdout 1",
    "leave_children_open_on_hup 1",
    "syslog_logsock unix",
    "syslog_logopt pid",
];

#[test]
fn options_of_net_server_without_meaning_are_taken_with_one_warning() {
    for (program, base) in [("dkimproxy-out", OUT), ("dkimproxy-in", IN)] {
        let said = World::new(&format!("{base}{}\n", NET_SERVER.join("\n"))).check(program, &[]);
        let warnings: Vec<&str> = said.lines().filter(|line| line.contains("no meaning here")).collect();
        let [warning] = warnings.as_slice() else { panic!("{said}") };
        for line in NET_SERVER {
            let name = line.split(' ').next().unwrap_or_default();
            assert!(warning.contains(name), "{name}: {warning}");
        }
    }
}

/// The mistakes recorded in `cli_errors.txt`: arguments, the original's exit code (0: it ran), ours, and what ours says. Where
/// the two differ, the reason.
struct Mistake {
    arguments: &'static str,
    original: i32,
    ours: i32,
    says: &'static str,
    reason: &'static str,
}

const fn same(arguments: &'static str, says: &'static str) -> Mistake {
    Mistake { arguments, original: 2, ours: 2, says, reason: "" }
}

const MISTAKES: &[Mistake] = &[
    same("", "relay: no address"),
    Mistake { arguments: "--help", original: 1, ours: 0, says: "", reason: "help that was asked for is no failure" },
    same("127.0.0.1:0 127.0.0.1:1", "no key file is given"),
    same("--keyfile=/nope --domain=x.example --selector=s 127.0.0.1:0 127.0.0.1:1", "cannot read /nope"),
    same("--keyfile={}/key --selector=s 127.0.0.1:0 127.0.0.1:1", "no domain is given"),
    same("--keyfile={}/key --domain=x.example 127.0.0.1:0 127.0.0.1:1", "no selector is given"),
    same("KEYS --method=foo 127.0.0.1:0 127.0.0.1:1", "\"foo\" is no canonicalization"),
    same("KEYS --signature=foo 127.0.0.1:0 127.0.0.1:1", "\"foo\" is no type of signature"),
    same("KEYS --signature=dkim( 127.0.0.1:0 127.0.0.1:1", "the closing parenthesis is missing"),
    same("KEYS 127.0.0.1:0", "RELAY"),
    same("KEYS --bogus 127.0.0.1:0 127.0.0.1:1", "--bogus"),
    same("KEYS --sender_map=/nope 127.0.0.1:0 127.0.0.1:1", "cannot read /nope"),
    same("--conf_file=/nope", "cannot read /nope"),
    same(
        "KEYS --method=relaxed/relaxed --signature=domainkeys 127.0.0.1:0 127.0.0.1:1",
        "canonicalization of DomainKeys",
    ),
];

#[test]
fn mistakes_end_with_the_exit_code_of_old() {
    let world = World::new("");
    for Mistake { arguments, original, ours, says, reason } in MISTAKES {
        let arguments = arguments.replace("KEYS", "--keyfile={}/key --domain=x.example --selector=s");
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let output = world.run("dkimproxy-out", &arguments);
        assert_eq!(output.status.code(), Some(*ours), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(says), "{arguments:?}: {}", text(&output.stderr));
        assert_eq!(original == ours, reason.is_empty(), "{arguments:?}: a difference needs a reason, and only that");
    }
}

/// What was a mistake, or something else than meant, and is none any more.
#[test]
fn what_was_a_mistake_of_old_and_is_none_now() {
    let world = World::new("");
    for (arguments, meaning, before) in [
        ("--daemonize 127.0.0.1:1 127.0.0.1:2", "listen 127.0.0.1:1    # ", "the switch swallowed the address"),
        ("--reject_error 127.0.0.1:1 127.0.0.1:2", "reject_error on    # ", "the switch swallowed the address"),
        ("--listen=127.0.0.1 --relay=127.0.0.1", "20203", "it listened there without a word"),
        ("max_servers=1 --listen=127.0.0.1:1 --relay=127.0.0.1:2", "max_connections 1    # ", "it refused to start"),
    ] {
        let keys = ["check", "--keyfile={}/key", "--domain=x.example", "--selector=s"];
        let words: Vec<&str> = arguments.split(' ').collect();
        // Names without dashes are understood before the command only.
        let (bare, dashed): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| word.starts_with("max_servers"));
        let output = world.run("dkimproxy-out", &[&bare[..], &keys[..], &dashed[..]].concat());
        let said = text(&output.stdout);
        assert!(
            output.status.success() && said.contains(meaning),
            "{arguments} ({before}): {said}{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn what_the_system_refuses_ends_with_1() {
    let world = World::new("");
    let pidfile = world.path().join("pid");
    fs::write(&pidfile, format!("{}\n", std::process::id())).expect("a new file");
    let keys = ["--keyfile={}/key", "--domain=x.example", "--selector=s", "--log_file=stderr"];
    for (arguments, says) in [
        (["192.0.2.1:1", "127.0.0.1:2", "--threads=1"], "cannot listen on 192.0.2.1:1"),
        (["127.0.0.1:0", "127.0.0.1:2", "--user=no-such-user"], "there is no user \"no-such-user\""),
        (["127.0.0.1:0", "127.0.0.1:2", "--pidfile={}/pid"], "is running; stop it first"),
    ] {
        let output = world.run("dkimproxy-out", &[&keys[..], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(says), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn all_mistakes_of_a_file_are_named_at_once_with_their_lines() {
    let world = World::new("lisen 127.0.0.1:1\nrelay nowhere:x\nsignature dkim(\nmax_servers 0\n");
    let output = world.run("dkimproxy-out", &["--conf_file={}/conf"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for (line, text) in
        [(1, "is listen meant?"), (2, "\"x\" is no port"), (3, "closing parenthesis"), (4, "max_connections")]
    {
        let start = world.fill(&format!("{{}}/conf:{line}: "));
        assert!(said.lines().any(|said| said.contains(&start) && said.contains(text)), "{line} {text}: {said}");
    }
}

#[test]
fn check_says_what_will_be_felt() {
    let world = World::new(&format!("{OUT}sender_map {{}}/map\nlog_file Sys::Syslog\nreject_error 1\n"));
    let said = world.check("dkimproxy-out", &[]);
    for text in [
        "difference: {}/conf:1: listen: ",
        "difference: {}/conf:5: keyfile: read at start",
        "difference: {}/conf:6: sender_map: user+extension@domain finds ",
        "difference: {}/conf:7: log_file: Sys::Syslog no longer doubles",
        "difference: {}/conf:8: reject_error: counts wherever",
        "difference: {}/map:1: sender_map: without a= ",
        "difference: {}/map:1: sender_map: without c= ",
        "sender_map example.org: dkim(s=s1,d=example.org,a=ed25519-sha256,c=relaxed/relaxed)",
        "key {}/key: ed25519-sha256, 256 bits",
        "note: {}/conf:8: reject_error: 1.4.1 ignored this key in the file; it counts now",
    ] {
        let text = world.fill(text);
        assert!(said.contains(&text), "no {text:?} in\n{said}");
    }
}
