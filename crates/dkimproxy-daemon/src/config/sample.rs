//! The sample file, and what a configuration means.

use super::Program;

/// The sample configuration file: every option, commented out at its default.
pub fn sample(program: &Program) -> String {
    let _ = program;
    todo!()
}
