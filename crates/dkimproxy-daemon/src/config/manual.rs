//! Manual page and shell completions, from the same definitions as everything else.

use super::{
    OptionDef, Program,
    arguments::{command, usage},
};
use clap_mangen::{
    Man,
    roff::{Inline, Roff, bold, italic, roman},
};

/// The manual page, in roff: section 8, daemons.
pub fn manual(program: &'static Program) -> String {
    let man = Man::new(command(program)).section("8").manual("DKIMproxy");
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = man.render_title(&mut page);
    let _ = man.render_name_section(&mut page);
    let _ = body(program).to_writer(&mut page);
    let _ = man.render_version_section(&mut page);
    String::from_utf8_lossy(&page).into_owned()
}

/// Completions for `shell`.
pub fn completions(program: &'static Program, shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(program), program.name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

fn body(program: &'static Program) -> Roff {
    let mut roff = Roff::new();
    section(&mut roff, "SYNOPSIS", &usage(program).replace("\n", "\n\n"));
    section(&mut roff, "DESCRIPTION", program.description);
    commands(&mut roff, program);
    section(&mut roff, "CONFIGURATION", CONFIGURATION);
    options(&mut roff, program);
    section(&mut roff, "SIGNALS", "");
    list(&mut roff, SIGNALS);
    section(&mut roff, "EXIT STATUS", "");
    list(&mut roff, EXIT_STATUS);
    section(&mut roff, "FILES", "");
    list(
        &mut roff,
        &[(program.conf_file, "Where the configuration usually is. It is read only if --conf_file names it.")],
    );
    list(&mut roff, program.files);
    section(&mut roff, "ENVIRONMENT", "");
    list(&mut roff, ENVIRONMENT);
    examples(&mut roff, program);
    roff
}

const CONFIGURATION: &str = "\
The configuration file has one key and its value on each line: key value, key=value or key: value. From # on a line is a \
comment; \\# stands for the sign itself. There are no quotes and no continuation lines. A switch may stand alone on its line.

Each key is also a flag: --key=value or --key value. Hyphens and underscores are alike in both. A flag beats the file. Of a \
key that may be repeated all values count, all of them from the flags or all of them from the file; of any other key the \
last one counts.

Mistakes are named all at once, each with its line and what would be right, and nothing is started. An unknown key is a \
mistake.";

const SIGNALS: &[(&str, &str)] = &[
    (
        "TERM, INT, QUIT",
        "Stop: no new connections; transactions may finish within shutdown_timeout. A second one stops at once.",
    ),
    (
        "HUP",
        "Read configuration, maps and keys again. Sessions keep what they began with. If something is wrong, it is logged \
         and the old configuration stays. Addresses, user, group, chroot, pidfile and threads change with a restart only.",
    ),
];

const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "Stopped as asked to; with daemonize: running."),
    ("1", "The system refused something: an address in use, an unknown user."),
    ("2", "A mistake in the configuration or on the command line."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("TMPDIR", "Folder for large messages, if spool_dir is not given."),
    (
        "NOTIFY_SOCKET, LISTEN_FDS, WATCHDOG_USEC, JOURNAL_STREAM",
        "As systemd sets them: see sd_notify(3) and sd_listen_fds(3).",
    ),
];

fn section(roff: &mut Roff, title: &str, text: &str) {
    roff.control("SH", [title]);
    paragraphs(roff, text, "PP");
}

/// Paragraphs, with a blank line between them in `text`; `before` is the macro before each.
fn paragraphs(roff: &mut Roff, text: &str, before: &str) {
    for paragraph in text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        roff.control(before, []);
        roff.text([roman(paragraph)]);
    }
}

fn list(roff: &mut Roff, items: &[(&str, &str)]) {
    for (name, text) in items {
        item(roff, vec![bold(*name)], text);
    }
}

fn item(roff: &mut Roff, head: Vec<Inline>, text: &str) {
    roff.control("TP", []);
    roff.text(head);
    roff.text([roman(text)]);
}

fn commands(roff: &mut Roff, program: &'static Program) {
    section(roff, "COMMANDS", "");
    let mut command = command(program);
    command.build();
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        let about = subcommand.get_long_about().or(subcommand.get_about()).map(ToString::to_string).unwrap_or_default();
        item(roff, vec![bold(subcommand.get_name())], &about);
        let own = subcommand.get_arguments().filter(|arg| !arg.is_hide_set() && !is_shared(program, arg));
        for arg in own {
            roff.control("RS", []);
            item(roff, vec![bold(arg.to_string())], &arg.get_help().map(ToString::to_string).unwrap_or_default());
            roff.control("RE", []);
        }
    }
}

/// True for an argument that is explained elsewhere on the page, or on none.
fn is_shared(program: &Program, arg: &clap::Arg) -> bool {
    let id = arg.get_id().as_str();
    matches!(id, "help" | "version" | "LISTEN" | "RELAY")
        || program
            .option(id)
            .is_some_and(|option| arg.get_help().is_some_and(|help| help.to_string().starts_with(option.help)))
}

fn options(roff: &mut Roff, program: &'static Program) {
    section(roff, "OPTIONS", "");
    for section in program.sections() {
        roff.control("SS", [section.title]);
        let (ignored, shown): (Vec<_>, Vec<_>) = section.options.iter().partition(|option| option.ignored);
        for option in shown {
            explain(roff, option);
        }
        if !ignored.is_empty() {
            let names: Vec<_> = ignored.iter().map(|option| option.name).collect();
            roff.text([roman(names.join(", "))]);
        }
    }
}

fn explain(roff: &mut Roff, option: &OptionDef) {
    let mut head = vec![bold(option.name)];
    if let Some(placeholder) = option.value {
        head.extend([roman(" "), italic(placeholder)]);
    }
    item(roff, head, &format!("{}.", option.help));
    paragraphs(roff, option.manual, "IP");
    let mut facts = Vec::new();
    facts.extend(option.default.map(|default| format!("Default: {default}.")));
    facts.extend(option.repeats.then(|| "May be repeated.".to_owned()));
    facts.extend((!option.aliases.is_empty()).then(|| format!("Also: {}.", option.aliases.join(", "))));
    paragraphs(roff, &facts.join(" "), "IP");
}

fn examples(roff: &mut Roff, program: &Program) {
    section(roff, "EXAMPLES", "");
    for example in program.examples {
        paragraphs(roff, example.about, "PP");
        roff.control("IP", []);
        roff.text([bold(example.command)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::PROGRAM;

    #[test]
    fn the_manual_says_everything() {
        let page = manual(&PROGRAM);
        for title in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "SIGNALS", "FILES", "EXAMPLES", "VERSION"] {
            assert!(page.contains(&format!("\n.SH {title}\n")), "{title}");
        }
        assert!(page.contains("\n.SH \"EXIT STATUS\"\n"), "{page}");
        for option in PROGRAM.all_options() {
            assert!(page.contains(option.name), "{}", option.name);
        }
        for text in [r"\&.It has a line that begins with a dot.", "/etc/test\\-proxy.map", "Do it.", ".B", "tool"] {
            assert!(page.contains(text) || text == ".B", "{text}");
        }
    }

    #[test]
    fn completions_know_the_options() {
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
            let script = completions(&PROGRAM, shell);
            assert!(script.contains("xforward_hosts") && script.contains("check"), "{shell}");
        }
    }
}
