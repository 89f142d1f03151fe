//! The sample file, and what a configuration means.

use super::{OptionDef, Origin, Program, RawConfig, raw::Place};
use std::fmt::Write;

/// The sample configuration file: every option, commented out at its default, or with an example where it has none.
///
/// Un-commenting all lines that begin with `#` and a letter changes nothing that has a default.
pub fn sample(program: &Program) -> String {
    let mut text = format!(
        "# {} - {}\n#\n# One \"key value\" per line. Each line below that begins with # and a key shows its default, or an \
         example\n# if there is none; {}(8) says more. Each key is also a flag: --key=value.\n",
        program.name, program.about, program.name
    );
    for section in program.sections() {
        let shown: Vec<_> = section.options.iter().filter(|option| is_shown(option)).collect();
        if !shown.is_empty() {
            let _ = write!(text, "\n### {}\n", section.title); // a String takes all
        }
        for option in shown {
            let (kind, value) = shown_value(program, option);
            let _ = write!(text, "\n# {}{kind}\n#{} {value}\n", option.help, option.name);
        }
    }
    text
}

/// The value shown, and what to call it.
fn shown_value(program: &Program, option: &OptionDef) -> (&'static str, String) {
    let (listen, relay) = program.sample_ports;
    match (option.name, option.default, option.example.or(option.value)) {
        ("listen", ..) => (" (example)", format!("127.0.0.1:{listen}")),
        ("relay", ..) => (" (example)", format!("127.0.0.1:{relay}")),
        ("port", ..) => (" (example)", listen.to_string()),
        (_, Some(default), _) => ("", default.to_owned()),
        (_, None, Some(example)) => (" (example)", example.to_owned()),
        (_, None, None) => ("", "off".to_owned()), // a switch
    }
}

/// What takes no part: what a file cannot have, and what has no effect.
fn is_shown(option: &OptionDef) -> bool {
    !option.ignored && option.name != "conf_file"
}

/// What counts, one option a line, where it comes from and what it is for: first what was written, then the defaults.
pub fn effective(raw: &RawConfig) -> String {
    let mut text = String::new();
    for entry in &raw.entries {
        let effect = if entry.key.ignored { ", without effect" } else { "" };
        let (key, value, place) = (entry.key, visible(&entry.value), Place(&entry.origin));
        let _ = writeln!(text, "{} {value}    # {place}{effect}: {}", key.name, key.help);
    }
    for option in raw.options.iter().filter(|option| !raw.is_written(option.name)) {
        if let Some(default) = option.default {
            let _ = writeln!(text, "{} {default}    # {}", option.name, Place(&Origin::Default));
        }
    }
    text
}

/// What somebody who comes from DKIMproxy 1.4.1 will feel of each key written, one line each.
pub fn differences(raw: &RawConfig) -> String {
    let mut keys: Vec<&OptionDef> = Vec::new();
    let mut text = String::new();
    for entry in raw.entries.iter().filter(|entry| !entry.key.difference.is_empty()) {
        if !keys.iter().any(|known| known.name == entry.key.name) {
            keys.push(entry.key);
            let _ =
                writeln!(text, "difference: {}: {}: {}", Place(&entry.origin), entry.key.name, entry.key.difference);
        }
    }
    text
}

/// A value as a file has it: with `\#`, and controls made visible.
fn visible(value: &str) -> String {
    value.replace('#', "\\#").chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DaemonConfig, Problems, file, tests::PROGRAM};
    use std::path::Path;

    /// The sample with the lines un-commented that `keep` wants, read.
    fn uncommented(keep: fn(&OptionDef) -> bool) -> RawConfig {
        let mut problems = Problems::default();
        let text = sample(&PROGRAM);
        let lines = text.lines().map(|line| match line.strip_prefix('#') {
            Some(bare) if bare.starts_with(|c: char| c.is_ascii_lowercase()) => bare,
            _ => line,
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let mut entries = file::parse(&PROGRAM, Path::new("sample"), text.as_bytes(), &mut problems);
        assert_eq!(problems.to_string(), "");
        entries.retain(|entry| keep(entry.key));
        RawConfig::new(&PROGRAM, Vec::new(), entries)
    }

    #[test]
    fn the_sample_shows_every_option_once_and_at_its_default() {
        let raw = uncommented(|_| true);
        let mut shown: Vec<_> = raw.entries.iter().map(|entry| entry.key.name).collect();
        let mut all: Vec<_> =
            PROGRAM.all_options().filter(|option| is_shown(option)).map(|option| option.name).collect();
        shown.sort_unstable();
        all.sort_unstable();
        assert_eq!(shown, all);
        for entry in &raw.entries {
            assert_eq!(shown_value(&PROGRAM, entry.key).1, entry.value, "{}", entry.key.name);
            assert!(entry.key.default.is_none_or(|default| default == entry.value), "{}", entry.key.name);
        }
    }

    #[test]
    fn the_sample_un_commented_means_the_defaults() {
        let understand = |keep: fn(&OptionDef) -> bool| {
            let mut problems = Problems::default();
            let raw = uncommented(keep);
            let config = DaemonConfig::from_raw(&raw, &mut problems);
            format!("{:?}", config.unwrap_or_else(|| panic!("{problems}")))
        };
        let needed = |option: &OptionDef| matches!(option.name, "listen" | "relay");
        assert_eq!(
            understand(|option| option.default.is_some() || matches!(option.name, "listen" | "relay")),
            understand(needed)
        );
    }

    #[test]
    fn what_counts_is_said_with_its_origin() {
        let mut problems = Problems::default();
        let entries =
            file::parse(&PROGRAM, Path::new("f"), b"\nrelay a:1\nmin_servers 5\nhostname x\\#y", &mut problems);
        let text = effective(&RawConfig::new(&PROGRAM, Vec::new(), entries));
        assert!(
            text.starts_with(
                "relay a:1    # f:2: Where to pass mail on to: HOST[:PORT], [IPV6][:PORT] or unix:/PATH\n"
            ),
            "{text}"
        );
        assert!(text.contains("\nmin_servers 5    # f:3, without effect: An option of Net::Server\n"), "{text}");
        assert!(text.contains("\nhostname x\\#y    # f:4: Name of this host\n"));
        assert!(text.contains("\nreject_error off    # the default\n"), "{text}");
    }
}
