//! How the story is told: short lines, who does what, in at most 100 columns. Colours on a terminal alone.

use super::checks::in_words;
use crate::{failure::Failure, render::clean};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    cell::RefCell,
    io::{IsTerminal as _, Write as _, stdout},
    rc::Rc,
    time::Duration,
};

/// The longest line.
const WIDTH: usize = 100;
/// Where the second column of the story begins.
const INDENT: usize = 12;

#[derive(Clone)]
pub(super) struct Teller {
    /// Told as JSON in the end, so nothing is said on the way.
    silent: bool,
    colours: bool,
    /// What is waited for, on a terminal.
    wait: Rc<RefCell<ProgressBar>>,
}

#[derive(Clone, Copy)]
enum Colour {
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
    Cyan = 36,
}

impl Teller {
    pub(super) fn new(silent: bool) -> Self {
        let wait = Rc::new(RefCell::new(ProgressBar::hidden()));
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { silent, colours: !plain && stdout().is_terminal(), wait }
    }

    pub(super) fn title(&self, text: &str) {
        self.print(&self.paint(Colour::Bold, text));
    }

    pub(super) fn act(&self, title: &str) {
        self.print("");
        self.print(&self.paint(Colour::Bold, title));
    }

    /// Somebody does something.
    pub(super) fn does(&self, who: &str, what: &str) {
        let text = clip(&clean(what), WIDTH.saturating_sub(INDENT));
        self.print(&format!("  {}{text}", self.paint(Colour::Cyan, &format!("{who:<10}"))));
    }

    /// Somebody writes something into the thread.
    pub(super) fn says(&self, who: &str, text: &str) {
        self.does(who, &format!("\"{text}\""));
    }

    pub(super) fn holds(&self, seen: &str, took: Duration) {
        let seen = clip(seen, WIDTH.saturating_sub(INDENT + 10));
        let took = self.paint(Colour::Dim, &format!("{} ms", took.as_millis()));
        self.print(&format!("  {}        {seen}  {took}", self.paint(Colour::Green, "ok")));
    }

    pub(super) fn fails(&self, claim: &str, failure: &Failure, took: Duration) {
        let took = self.paint(Colour::Dim, &format!("{} ms", took.as_millis()));
        self.print(&format!("  {}    {claim}  {took}", self.paint(Colour::Red, "FAILED")));
        self.print(&format!("{:INDENT$}{}", "", self.paint(Colour::Red, &clean(&in_words(failure)))));
    }

    /// A row of the table; none for a check that was not reached.
    pub(super) fn row(&self, held: Option<bool>, claim: &str, took: Option<Duration>) {
        let verdict = match held {
            Some(true) => self.paint(Colour::Green, "ok    "),
            Some(false) => self.paint(Colour::Red, "FAILED"),
            None => self.paint(Colour::Dim, "-     "),
        };
        let took = took.map(|took| format!("{} ms", took.as_millis())).unwrap_or_default();
        let took = self.paint(Colour::Dim, &format!("{took:>9}"));
        self.print(&format!("  {verdict}  {claim:<80}{took}"));
    }

    pub(super) fn sum(&self, held: usize, all: usize, took: Duration) {
        let text = format!("{held} of {all} checks hold, in {:.1} s.", took.as_secs_f64());
        let colour = if held == all { Colour::Green } else { Colour::Red };
        self.print("");
        self.print(&self.paint(colour, &text));
    }

    /// Shows what is being waited for, until [`Self::rest`].
    pub(super) fn waiting(&self, text: &str) {
        if !self.silent {
            let bar = ProgressBar::new_spinner().with_message(text.to_owned());
            if let Ok(style) = ProgressStyle::with_template("            {spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            self.wait.replace(bar);
        }
    }

    pub(super) fn rest(&self) {
        self.wait.replace(ProgressBar::hidden()).finish_and_clear();
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if self.colours { format!("\u{1b}[{}m{text}\u{1b}[0m", colour as u8) } else { text.to_owned() }
    }

    fn print(&self, text: &str) {
        if !self.silent {
            // A reader that has gone away must not keep the processes from being ended.
            self.wait.borrow().suspend(|| drop(writeln!(stdout(), "{text}")));
        }
    }
}

/// At most so many characters.
fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(2)).chain("..".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_clipped_and_short_text_is_not() {
        assert_eq!(clip("abc", 3), "abc");
        assert_eq!(clip("abcdef", 5), "abc..");
    }
}
