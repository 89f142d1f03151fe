//! Manual page and shell completions, from the same definitions as everything else.

use super::Program;

/// The manual page, in roff.
pub fn manual(program: &'static Program) -> String {
    let _ = program;
    todo!()
}

/// Completions for `shell`.
pub fn completions(program: &'static Program, shell: clap_complete::Shell) -> String {
    let _ = (program, shell);
    todo!()
}
