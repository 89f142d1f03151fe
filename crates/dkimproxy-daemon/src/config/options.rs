//! The options that both programs share.

use super::Section;

/// The options that both programs share.
pub static DAEMON_OPTIONS: &[Section] = &[];
