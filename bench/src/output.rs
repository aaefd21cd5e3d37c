//! What is printed. A reader that has gone, as that of `| head` does, is no error: nothing more is
//! printed, and the work goes on to its end.

/// Prints a line to standard output.
macro_rules! say {
    ($($part:tt)*) => { $crate::output::print(std::io::stdout(), format_args!($($part)*)) };
}

/// Prints a line to standard error.
macro_rules! note {
    ($($part:tt)*) => { $crate::output::print(std::io::stderr(), format_args!($($part)*)) };
}

/// At once, so that lines of several threads don't mix.
pub(crate) fn print(mut to: impl std::io::Write, line: std::fmt::Arguments<'_>) {
    let _ = to.write_all(format!("{line}\n").as_bytes());
}
