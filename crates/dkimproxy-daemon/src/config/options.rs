//! The options that both programs share.

use super::{OptionDef, Section};

/// The options that both programs share.
pub static DAEMON_OPTIONS: &[Section] = &[
    Section { title: "Connections", options: CONNECTIONS },
    Section { title: "Process", options: PROCESS },
    Section { title: "Limits", options: LIMITS },
    Section { title: "Time limits", options: TIME_LIMITS },
    Section { title: "Log", options: LOG },
    Section { title: "Accepted for DKIMproxy 1.4.1 and without effect", options: IGNORED },
];

const CONNECTIONS: &[OptionDef] = &[
    OptionDef::new("listen", "HOST:PORT", "Where to wait for mail: HOST:PORT, [IPV6]:PORT or unix:/PATH")
        .repeats()
        .manual(
            "May be given several times. Without a port it is 20203, as it was in DKIMproxy 1.4.1. The host * stands for all IPv4 addresses. Whoever can connect can have mail relayed: \
             listen on a loopback address, or say who may connect with cidr_allow.\n\n\
             With sockets passed by systemd (socket activation) none is needed.",
        ).difference("IPv6 addresses and unix sockets work, and the address no longer settles the backlog"),
    OptionDef::new("relay", "HOST:PORT", "Where to pass mail on to: HOST[:PORT], [IPV6][:PORT] or unix:/PATH")
        .manual("The default port is 25. For each client connection one connection is made there.").difference("all addresses of a name are tried; 1.4.1 knew the first only"),
    OptionDef::new("relay_host", "HOST", "Host to pass mail on to, if relay is not given").example("127.0.0.1"),
    OptionDef::new("relay_port", "PORT", "Port that goes with relay_host").default("25"),
    OptionDef::new("host", "HOST", "Host to listen on, if listen is not given").repeats().example("127.0.0.1"),
    OptionDef::new("port", "PORT", "Port that goes with host").repeats(),
    OptionDef::new("socket_mode", "MODE", "File mode of unix sockets to listen on").default("0660").manual(
        "Octal. Clients on a unix socket may always connect and are believed in what they say about the original client \
         (XFORWARD), so the mode decides who these are. The file belongs to user and group, where these are given.",
    ),
    OptionDef::new("hostname", "NAME", "Name of this host").example("mail.example.org").manual(
        "The default is the name that the system has. It stands in replies and, for incoming mail, in \
         Authentication-Results, where receivers must know it.",
    ),
    OptionDef::new("cidr_allow", "RANGE", "Address ranges that may connect: 127.0.0.0/8, ::1")
        .repeats()
        .example("127.0.0.0/8, ::1")
        .manual("Several with commas or blanks between them, or the key repeated. The default is everybody."),
    OptionDef::new("cidr_deny", "RANGE", "Address ranges that may not connect, even if allowed")
        .repeats()
        .example("192.0.2.0/24"),
    OptionDef::new("allow", "PATTERN", "Addresses that may connect, in Net::Server's form")
        .repeats()
        .example("127.0.0.1")
        .manual(
            "Net::Server takes regular expressions here. Those that mean an address or the beginning of one are \
             understood, like ^192\\.168\\. or 10.0.0.1; of all others cidr_allow is the plainer form, and the mistake is \
             reported.",
        ).difference("patterns that are no address or beginning of one are a mistake"),
    OptionDef::new("deny", "PATTERN", "Addresses that may not connect, in Net::Server's form")
        .repeats()
        .example("192.0.2.1").difference("patterns that are no address or beginning of one are a mistake"),
    OptionDef::new("xforward_hosts", "RANGE", "Clients that may say who the original client was (XFORWARD)")
        .repeats()
        .default("127.0.0.0/8, ::1"),
    OptionDef::new("discard_ehlo_keywords", "KEYWORDS", "SMTP extensions of the relay that are not to be offered")
        .repeats()
        .example("DSN, 8BITMIME")
        .manual(
            "What cannot be carried through a content filter (STARTTLS, AUTH, CHUNKING and whatever is unknown) is never \
             offered. This takes away more.",
        ),
    OptionDef::new("stray_newlines", "normalize|reject", "What to do about CR or LF alone in mail data")
        .default("normalize")
        .manual(
            "normalize makes CRLF of LF and a blank of CR, as Postfix does, before anything is signed or verified; reject \
             refuses the message. Neither form ever ends the mail data, so nothing can be smuggled.",
        ),
];

const PROCESS: &[OptionDef] = &[
    OptionDef::new("conf_file", "FILE", "Configuration file to read").manual(
        "On the command line only. A flag beats the file: of a key that may be repeated, then, nothing in the file counts.",
    ),
    OptionDef::new("user", "USER", "User to become after start").example("dkimproxy").manual(
        "Addresses are bound and keys read before. For a reload (SIGHUP) the user must be able to read the configuration \
         and the keys; a warning at start says if it cannot.",
    ),
    OptionDef::new("group", "GROUP", "Group to become after start").example("dkimproxy").manual(
        "Several with commas or blanks between them: the first one is the primary group. The default is the user's own.",
    ),
    OptionDef::switch("daemonize", "Leave the terminal and run in the background")
        .aliases(&["setsid", "background"])
        .default("off")
        .manual(
            "The command returns when addresses are bound and keys read; its exit code says whether that went well. As a \
             flag it does not swallow the argument after it, as it did in DKIMproxy 1.4.1.",
        ).difference("returns only when addresses are bound and keys read; as a flag it does not swallow the argument after it"),
    OptionDef::new("pidfile", "FILE", "File to write the process id to")
        .aliases(&["pid_file"])
        .example("/run/dkimproxy/dkimproxy.pid")
        .manual("The daemon refuses to start if a process with the id in the file lives."),
    OptionDef::new("chroot", "FOLDER", "Folder to be locked into after start").example("/var/lib/dkimproxy").manual(
        "For a reload, configuration and keys must be found under the same paths inside. resolv.conf must be there too.",
    ),
    OptionDef::new("threads", "NUMBER", "Worker threads").default("auto").manual("auto: as many as there are processors."),
];

const LIMITS: &[OptionDef] = &[
    OptionDef::new("max_connections", "NUMBER", "Connections served at a time; further ones wait")
        .aliases(&["max_servers"])
        .default("1000")
        .difference("counts connections of one process; 1.4.1 counted processes, 50 at most"),
    OptionDef::new("message_size_limit", "SIZE", "Largest message in octets: 50M; 0: the relay's limit decides")
        .default("0"),
    OptionDef::new("command_line_limit", "SIZE", "Longest command line in octets").default("8K"),
    OptionDef::new("max_recipients", "NUMBER", "Recipients of a message; the next one hears 452").default("10000"),
    OptionDef::new("error_limit", "NUMBER", "Wrong commands before a client is sent away").default("20"),
    OptionDef::new("max_transactions", "NUMBER", "Transactions before a connection is closed; 0: any number")
        .default("0"),
    OptionDef::new("spool_memory", "SIZE", "Part of a message that is kept in memory")
        .default("256K")
        .manual("A larger message goes to a file in spool_dir that has no name, so that nothing stays behind."),
    OptionDef::new("spool_dir", "FOLDER", "Folder for messages larger than spool_memory")
        .example("/var/tmp")
        .manual("The default is the environment variable TMPDIR, or /tmp."),
];

const TIME_LIMITS: &[OptionDef] = &[
    OptionDef::new("connect_timeout", "TIME", "To reach the relay").default("30s").manual(
        "Times are numbers of seconds, or have a unit: 500ms, 30s, 5m, 2h. Postfix waits 100 s in all for a filter before \
         the queue (smtpd_proxy_timeout).",
    ),
    OptionDef::new("relay_timeout", "TIME", "For the relay's reply to a command").default("5m"),
    OptionDef::new("relay_data_timeout", "TIME", "For the relay to take a piece of mail data").default("3m"),
    OptionDef::new("end_of_data_timeout", "TIME", "For the relay's reply to the end of the mail data").default("10m"),
    OptionDef::new("client_timeout", "TIME", "For the client's next command").default("5m"),
    OptionDef::new("client_data_timeout", "TIME", "For the client's next piece of mail data").default("3m"),
    OptionDef::new("shutdown_timeout", "TIME", "For transactions to finish when the daemon stops").default("30s"),
];

const LOG: &[OptionDef] = &[
    OptionDef::new("log_file", "auto|syslog|stderr|FILE", "Where to log").default("auto").manual(
        "auto: to syslog if there is one, to standard error if there is none, and in the foreground to both, as \
         DKIMproxy 1.4.1 did. Sys::Syslog means syslog. A FILE is opened anew at a reload (SIGHUP).",
    ).difference("Sys::Syslog no longer doubles the signatures; messages go there too"),
    OptionDef::new("log_level", "LEVEL", "What to log: error, warning, info, debug or trace").default("info").manual(
        "Net::Server's numbers are understood: 0 error, 1 warning, 2 and 3 info, 4 debug.",
    ),
    OptionDef::new("log_format", "text|json", "Form of a line in the log").default("text").manual(
        "text has one line per message: DKIM signing - signed; message-id=<..>, signer=<..>, from=<..>, and more after it. \
         json has one object per line. In both nothing taken from a message can break or forge a line: what could is \
         written as \\x0a or \\u{202e}.",
    ),
    OptionDef::new("syslog_facility", "FACILITY", "Syslog facility").default("mail"),
    OptionDef::new("syslog_ident", "NAME", "Name before each line").example("dkimproxy").manual(
        "The default is dkimproxy.out or dkimproxy.in, as log watchers know them.",
    ),
    OptionDef::new("syslog_socket", "PATH", "Where syslog listens").default("/dev/log"),
    OptionDef::switch("debugtrace", "Log every command and reply").default("off").difference("goes to the log, replies too; 1.4.1 printed commands on standard error"),
];

const IGNORED: &[OptionDef] = &[
    ignored("server_type"),
    ignored("min_servers"),
    ignored("min_spare_servers"),
    ignored("max_spare_servers"),
    ignored("spare_servers"),
    ignored("max_requests"),
    ignored("check_for_waiting"),
    ignored("check_for_dead"),
    ignored("check_for_spawn"),
    ignored("min_child_ttl"),
    ignored("check_for_dequeue"),
    ignored("max_dequeue"),
    ignored("child_communication"),
    ignored("serialize"),
    ignored("lock_file"),
    ignored("sig_passthrough"),
    ignored("proto"),
    ignored("ipv"),
    ignored("ipv6_package"),
    ignored("reverse_lookups"),
    ignored("double_reverse_lookups"),
    ignored("log_function"),
    ignored("no_close_by_child"),
    ignored("no_client_stdout"),
    ignored("tie_client_stdout"),
    ignored("leave_children_open_on_hup"),
    ignored("syslog_logsock"),
    ignored("syslog_logopt"),
];

const fn ignored(name: &'static str) -> OptionDef {
    OptionDef::new(name, "VALUE", "An option of Net::Server").ignored()
}
