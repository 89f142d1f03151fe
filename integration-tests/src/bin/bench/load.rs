//! What is sent, and by what.

use crate::{Case, Direction, milter, subject::Site};
use integration_tests::programs;
use std::{fs, net::SocketAddr, process::Command};
use tempfile::NamedTempFile;

/// The message of one case.
pub(crate) struct Mail {
    /// With CRLF.
    pub(crate) message: Vec<u8>,
    /// With LF, as smtp-source reads it.
    file: NamedTempFile,
}

impl Mail {
    pub(crate) fn new(site: &Site, case: &Case) -> Self {
        let plain = prose(case.size);
        let message = match case.direction {
            Direction::Out => plain,
            Direction::In => site.signed(&plain),
        };
        let file = NamedTempFile::new().expect("a temporary file");
        let text = String::from_utf8(message.clone()).expect("prose is text");
        fs::write(file.path(), text.replace("\r\n", "\n")).expect("a file of our own");
        Self { message, file }
    }
}

/// So many messages over so many connections at a time.
pub(crate) struct Load<'a> {
    pub(crate) mail: &'a Mail,
    pub(crate) sessions: usize,
    pub(crate) messages: usize,
}

impl Load<'_> {
    /// Sends all by SMTP, each over a connection of its own, as Postfix's proxy client does.
    ///
    /// # Panics
    ///
    /// If one is not taken.
    pub(crate) fn send(&self, to: SocketAddr) {
        let source = programs::foreign("smtp-source").expect("looked for at the start");
        let mut command = Command::new(source);
        command.args(["-s", &self.sessions.to_string(), "-m", &self.messages.to_string()]);
        command.args(["-f", "jean@example.net", "-t", "pierre@example.org", "-M", "client.example", "-F"]);
        command.arg(self.mail.file.path()).arg(to.to_string());
        programs::output_of(&mut command, b"");
    }

    /// Hands all to a milter, each over a connection of its own.
    pub(crate) fn send_to_milter(&self, to: SocketAddr) {
        std::thread::scope(|threads| {
            for session in 0..self.sessions {
                let share = (self.messages + session) / self.sessions;
                threads.spawn(move || {
                    for _ in 0..share {
                        milter::hand_over(to, &self.mail.message).expect("the milter takes it");
                    }
                });
            }
        });
    }
}

/// A message of ordinary text, about `size` octets: lines of different lengths, some with two blanks, some with a blank at
/// the end, some empty, as people and programs write them.
fn prose(size: usize) -> Vec<u8> {
    const WORDS: [&str; 12] =
        ["the", "postmaster", "reads", "a", "log", "and", "wonders", "whether", "mail", "still", "arrives.", "  Then"];
    let mut text = HEADER.replace('\n', "\r\n");
    let mut number = 7_usize;
    while text.len() < size {
        let start = text.len();
        let width = 30 + number % 48;
        while text.len() - start < width {
            number = (number * 1_103_515_245 + 12_345) % 2_147_483_648;
            text.push_str(WORDS[number / 65_536 % WORDS.len()]);
            text.push(' ');
        }
        if !number.is_multiple_of(3) {
            text.truncate(text.trim_end_matches(' ').len());
        }
        text.push_str(if number.is_multiple_of(9) { "\r\n\r\n" } else { "\r\n" });
    }
    text.into_bytes()
}

const HEADER: &str = "\
Received: from client.example (client.example [192.0.2.7])
\tby mail.example.net (Postfix) with ESMTPSA id 4F1C23A
\tfor <pierre@example.org>; Tue, 26 Jan 2010 12:57:08 +0100 (CET)
From: Jean Kevin <jean@example.net>
To: Jean Pierre <pierre@example.org>
Cc: \"A list of people\" <people@lists.example.org>
Subject: What a message costs, measured
Date: Tue, 26 Jan 2010 12:57:07 +0100
Message-ID: <20100126125707.4F1C23A@example.net>
In-Reply-To: <20100125080000.1B2C3D4@example.org>
References: <20100124080000.0A1B2C3@example.org>
\t<20100125080000.1B2C3D4@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8; format=flowed
Content-Transfer-Encoding: 7bit
User-Agent: Mailer 1.0

";
