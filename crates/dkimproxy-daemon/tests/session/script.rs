//! Dialogues as text: who says what to whom, line by line.
//!
//! ```text
//! # a comment
//! ! errors 3                 a setting, before the first line; see `Script::set`
//! C: EHLO client.example     the client says
//! R< EHLO client.example     the relay hears
//! R: 250 relay.example       the relay says
//! P: 250-relay.example       the proxy answers the client
//! C!   R!                    the client, the relay closes the connection
//! P!   R<!                   the proxy closes the connection to the client, to the relay
//! R<*                        the relay hears something, but no end of data, before its connection is closed
//! ```
//!
//! Lines end in CRLF unless their last character is a backslash. `\r`, `\n`, `\0`, `\t`, `\\` and `\xHH` stand for octets,
//! `{x*1000}` for a thousand "x".
//! What is not expected must not be said: at the end both sides hear nothing more.

use crate::world::{End, World};
use dkimproxy_daemon::filter::{Edits, Reply, Verdict};
use dkimproxy_smtp::data::StrayNewlines;

#[derive(Debug)]
enum Step {
    ClientSays(Vec<u8>),
    ClientHears(Vec<u8>),
    RelayHears(Vec<u8>),
    RelaySays(Vec<u8>),
    ClientCloses,
    RelayCloses,
    ClientHearsEnd,
    RelayHearsEnd,
    RelayHearsNoEndOfData,
}

pub(crate) struct Script {
    settings: Vec<(String, String)>,
    steps: Vec<(usize, Step)>,
}

impl Script {
    pub(crate) fn parse(text: &str) -> Self {
        let mut script = Self { settings: Vec::new(), steps: Vec::new() };
        for (at, line) in text.lines().enumerate() {
            script.line(at + 1, line);
        }
        script
    }

    fn line(&mut self, number: usize, line: &str) {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        let step = match mark {
            "" | "#" => return,
            "!" => {
                let (key, value) = rest.split_once(' ').unwrap_or((rest, ""));
                self.settings.push((key.into(), value.into()));
                return;
            }
            "C:" => Step::ClientSays(octets(rest)),
            "P:" => Step::ClientHears(octets(rest)),
            "R<" => Step::RelayHears(octets(rest)),
            "R:" => Step::RelaySays(octets(rest)),
            "C!" => Step::ClientCloses,
            "R!" => Step::RelayCloses,
            "P!" => Step::ClientHearsEnd,
            "R<!" => Step::RelayHearsEnd,
            "R<*" => Step::RelayHearsNoEndOfData,
            _ => panic!("line {number}: {line:?} is no dialogue"),
        };
        self.steps.push((number, step));
    }

    /// Plays it over pipes of `pipe` octets.
    pub(crate) async fn play(&self, pipe: usize) {
        let mut world = World::with_pipe(pipe);
        for (key, value) in &self.settings {
            set(&mut world, key, value);
        }
        let (mut client, mut relay, session) = world.session();
        let play = async {
            for (number, step) in &self.steps {
                act(*number, step, &mut client, &mut relay).await;
            }
            client.close();
            relay.close();
            let rest = tokio::join!(client.hear_all(), relay.hear_all());
            assert_eq!((show(&rest.0), show(&rest.1)), (String::new(), String::new()), "after the end");
        };
        let _ = tokio::join!(session, play);
    }
}

async fn act(number: usize, step: &Step, client: &mut End, relay: &mut End) {
    let check = |who: &str, heard: Vec<u8>, expected: &[u8]| {
        assert_eq!(show(&heard), show(expected), "line {number}: what the {who} heard (left)");
    };
    match step {
        Step::ClientSays(octets) => client.say(octets.clone()),
        Step::RelaySays(octets) => relay.say(octets.clone()),
        Step::ClientHears(expected) => check("client", client.hear(expected.len()).await, expected),
        Step::RelayHears(expected) => check("relay", relay.hear(expected.len()).await, expected),
        Step::ClientCloses => client.close(),
        Step::RelayCloses => relay.close(),
        Step::ClientHearsEnd => check("client", client.hear_all().await, b""),
        Step::RelayHearsEnd => check("relay", relay.hear_all().await, b""),
        Step::RelayHearsNoEndOfData => {
            let heard = relay.hear_all().await;
            assert!(!heard.windows(5).any(|window| window == b"\r\n.\r\n"), "line {number}");
        }
    }
}

fn set(world: &mut World, key: &str, value: &str) {
    let number = || value.parse::<u64>().unwrap();
    let limits = &mut world.settings.limits;
    match key {
        "from" => world.from = Some(value.parse().unwrap()),
        "unix" => world.from = None,
        "line_length" => limits.line_length = number() as usize,
        "message_size" => limits.message_size = Some(number()),
        "spool_memory" => limits.spool_memory = number() as usize,
        "spool_dir" => world.settings.spool_dir = value.into(),
        "recipients" => limits.recipients = number() as usize,
        "errors" => limits.errors = number() as u32,
        "transactions" => limits.transactions = Some(number()),
        "discard" => world.settings.discard_ehlo = value.split(' ').map(String::from).collect(),
        "stray" => {
            assert_eq!(value, "reject");
            world.settings.stray_newlines = StrayNewlines::Reject;
        }
        "prepend" => world.verdict = Verdict::Relay(Edits { prepend: octets(value), cut: vec![] }),
        "cut" => {
            let (start, end) = value.split_once("..").unwrap();
            let cut = start.parse().unwrap()..end.parse().unwrap();
            world.verdict = Verdict::Relay(Edits { prepend: vec![], cut: vec![cut] });
        }
        "refuse" => {
            let [code, enhanced, text] = value.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{value}") };
            world.verdict = Verdict::Refuse(Reply::new(code.parse().unwrap(), enhanced, text));
        }
        _ => panic!("unknown setting {key}"),
    }
}

fn octets(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        match next {
            '\\' => match rest.chars().next() {
                None => return octets,
                Some('x') => {
                    octets.push(u8::from_str_radix(&rest[1..3], 16).unwrap());
                    rest = &rest[3..];
                }
                Some(letter) => {
                    octets.push(match letter {
                        'r' => b'\r',
                        'n' => b'\n',
                        't' => b'\t',
                        '0' => 0,
                        _ => b'\\',
                    });
                    rest = &rest[1..];
                }
            },
            '{' => {
                let (inside, after) = rest.split_once('}').unwrap();
                let (what, times) = inside.split_once('*').unwrap();
                octets.extend_from_slice(what.repeat(times.parse().unwrap()).as_bytes());
                rest = after;
            }
            _ => octets.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    octets.extend_from_slice(b"\r\n");
    octets
}

fn show(octets: &[u8]) -> String {
    octets.escape_ascii().to_string().replace("\\r\\n", "\n")
}
