//! What the client shows: on a terminal a small live block that is redrawn in place, elsewhere
//! plain lines, with `--json` one JSON object a line. Draws what it is told; decides nothing.

use std::io::{self, IsTerminal, Write};

/// How to show things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Redrawn in place, with color.
    Live,
    /// One line for each thing that happened.
    Plain,
    /// One JSON object for each thing that happened.
    Json,
}

/// What is drawn in the live block.
#[derive(Debug, Default, Clone)]
pub(super) struct Now {
    /// `Question 1 of 3`.
    pub heading: String,
    /// The question.
    pub question: String,
    /// Seconds left, once a question is open.
    pub left_s: Option<i64>,
    /// Finished captions of this question.
    pub settled: String,
    /// Words of the current utterance that will stay.
    pub stable: String,
    /// Words that may still change.
    pub unstable: String,
    /// 0 to 1.
    pub level: f32,
    /// How much of the recording was sent, 0 to 1.
    pub progress: f32,
}

/// The screen.
pub(super) struct Screen<W: Write> {
    out: W,
    mode: Mode,
    width: usize,
    drawn: usize,
}

const BOLD: &str = "\x1b[1m";
const GREY: &str = "\x1b[90m";
const OFF: &str = "\x1b[0m";
/// Captions on screen at a time, lines.
const CAPTION_LINES: usize = 4;

impl Screen<io::Stdout> {
    /// The standard output, live if it is a terminal.
    pub(super) fn stdout(json: bool) -> Self {
        let out = io::stdout();
        let mode = match (json, out.is_terminal()) {
            (true, _) => Mode::Json,
            (false, true) => Mode::Live,
            (false, false) => Mode::Plain,
        };
        let size = rustix::termios::tcgetwinsize(&out).ok();
        let width = size
            .map_or(80, |size| usize::from(size.ws_col))
            .clamp(30, 110);
        Self::new(out, mode, width)
    }
}

impl<W: Write> Screen<W> {
    /// A screen on anything.
    pub(super) fn new(out: W, mode: Mode, width: usize) -> Self {
        Self {
            out,
            mode,
            width,
            drawn: 0,
        }
    }

    /// Which kind it is.
    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// Something that happened, for people; stays on screen. Nothing with `--json`.
    ///
    /// # Errors
    /// When the output is closed.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        if self.mode == Mode::Json {
            return Ok(());
        }
        self.erase()?;
        for line in wrap(
            text,
            if self.mode == Mode::Live {
                self.width
            } else {
                usize::MAX
            },
        ) {
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()
    }

    /// Something that happened, for programs. Only with `--json`.
    ///
    /// # Errors
    /// When the output is closed.
    pub(super) fn json(&mut self, value: &str) -> io::Result<()> {
        if self.mode == Mode::Json {
            writeln!(self.out, "{value}")?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Draws the live block anew. Nothing where there is no terminal.
    ///
    /// # Errors
    /// When the output is closed.
    pub(super) fn draw(&mut self, now: &Now) -> io::Result<()> {
        if self.mode != Mode::Live {
            return Ok(());
        }
        self.erase()?;
        let mut lines = Vec::new();
        let clock = now
            .left_s
            .map(|s| format!("{}:{:02} left", s.max(0) / 60, s.max(0) % 60));
        lines.push(format!(
            "{BOLD}{}{OFF}  {}",
            now.heading,
            clock.unwrap_or_default()
        ));
        lines.extend(
            wrap(&now.question, self.width)
                .into_iter()
                .map(|l| format!("{BOLD}{l}{OFF}")),
        );
        lines.push(String::new());
        lines.extend(self.captions(now));
        lines.push(format!(
            "{} {}",
            bar("mic ", now.level, 20),
            bar("sent", now.progress, 20)
        ));
        for line in &lines {
            writeln!(self.out, "{line}")?;
        }
        self.drawn = lines.len();
        self.out.flush()
    }

    /// Solid words, then grey ones, the last lines of them.
    fn captions(&self, now: &Now) -> Vec<String> {
        let solid = [now.settled.as_str(), now.stable.as_str()];
        let solid: Vec<&str> = solid
            .iter()
            .flat_map(|text| text.split_whitespace())
            .collect();
        let firm = solid.len();
        let words = solid.into_iter().chain(now.unstable.split_whitespace());
        let mut lines: Vec<String> = Vec::new();
        let (mut line, mut used, mut grey) = (String::new(), 0, false);
        for (index, word) in words.enumerate() {
            let long = word.chars().count() + 1;
            if used + long > self.width && used > 0 {
                lines.push(close(std::mem::take(&mut line), grey));
                used = 0;
                grey = false;
            }
            if index >= firm && !grey {
                line.push_str(GREY);
                grey = true;
            }
            line.push_str(word);
            line.push(' ');
            used += long;
        }
        lines.push(close(line, grey));
        let skip = lines.len().saturating_sub(CAPTION_LINES);
        let mut lines = lines.split_off(skip);
        lines.resize(CAPTION_LINES, String::new());
        lines
    }

    fn erase(&mut self) -> io::Result<()> {
        if self.drawn > 0 {
            write!(self.out, "\x1b[{}A\x1b[J", self.drawn)?;
            self.drawn = 0;
        }
        Ok(())
    }
}

fn close(mut line: String, grey: bool) -> String {
    if grey {
        line.push_str(OFF);
    }
    line
}

fn bar(name: &str, share: f32, cells: usize) -> String {
    let full = (share.clamp(0.0, 1.0) * cells as f32).round() as usize;
    format!(
        "{name} {}{GREY}{}{OFF}",
        "█".repeat(full),
        "░".repeat(cells - full)
    )
}

/// Breaks text at spaces. Control characters never reach a terminal: a caption is somebody's text.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let clean = text.replace(|c: char| c.is_control() && c != '\n', " ");
    for (index, paragraph) in clean.split('\n').enumerate() {
        if index > 0 {
            lines.push(String::new());
        }
        if width == usize::MAX {
            if let Some(last) = lines.last_mut() {
                last.push_str(paragraph);
            }
            continue;
        }
        for word in paragraph.split(' ') {
            let Some(last) = lines.last_mut() else {
                continue;
            };
            if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > width {
                lines.push(word.to_owned());
            } else {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(word);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(mode: Mode, act: impl FnOnce(&mut Screen<&mut Vec<u8>>)) -> String {
        let mut out = Vec::new();
        act(&mut Screen::new(&mut out, mode, 40));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn unstable_words_are_grey_and_the_rest_is_not() {
        let now = Now {
            stable: "one two".into(),
            unstable: "three".into(),
            ..Now::default()
        };
        let text = shown(Mode::Live, |screen| screen.draw(&now).unwrap());
        assert!(text.contains("one two \x1b[90mthree"), "{text:?}");
    }

    #[test]
    fn without_a_terminal_there_are_plain_lines_and_no_escapes() {
        let text = shown(Mode::Plain, |screen| {
            screen.draw(&Now::default()).unwrap();
            screen.line("Question 1 of 3: \x1b[31mWhy?").unwrap();
        });
        assert_eq!(text, "Question 1 of 3:  [31mWhy?\n");
    }

    #[test]
    fn a_line_takes_the_place_of_the_live_block() {
        let text = shown(Mode::Live, |screen| {
            screen.draw(&Now::default()).unwrap();
            screen.line("done").unwrap();
        });
        assert!(text.contains("A\x1b[Jdone"), "{text:?}");
    }
}
