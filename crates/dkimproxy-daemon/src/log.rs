//! Logs: one line per message, syslog or stderr; nothing from a message can split a line.
