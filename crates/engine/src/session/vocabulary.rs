//! Names and products of a plan's word list, put right where recognition nearly heard them.
//!
//! Recognizers know ordinary words; of "Kubernetes" they make "cubernetes" or "cooper netties". A
//! plan's `words` are looked for in every final. The rule is made so that it rather leaves a name
//! wrong than an ordinary word changed:
//!
//! 1. One to four words in a row, with no sentence mark between them, are compared as one row of
//!    letters, small and without accents. At least five letters, on both sides.
//! 2. Equal rows: written as in the list ("post gres" → "Postgres"), unless all that was heard is
//!    ordinary words ("notion", "elastic search").
//! 3. Else both must sound alike: equal rows of consonants (hard and soft ones of a kind are one,
//!    vowels count only at the beginning). And be spelled alike: one letter apart, two from nine
//!    letters on; or, with at least six consonants, apart by no more than half of the letters. And
//!    at least one of the words heard is no ordinary one (`data/ordinary.en.txt`); of four letters
//!    and fewer every word is taken for ordinary.
//! 4. Two names that fit equally well: neither.
//!
//! Typed answers are not touched. No IO, no state; the same words give the same words.

use protocol::value::Word;

#[cfg(test)]
mod tests;

/// Shortest row of letters that is compared.
const LETTERS_MIN: usize = 5;
/// From so many letters on two of them may differ.
const LONG: usize = 9;
/// From so many consonants on the sound alone tells a name.
const CONSONANTS_LONG: usize = 6;
/// Most words heard for one name.
const WINDOW_MAX: usize = 4;

const ORDINARY: &str = include_str!("../../data/ordinary.en.txt");

/// A name of the list, ready to be compared.
struct Name<'p> {
    text: &'p str,
    letters: Vec<char>,
    sound: Vec<char>,
    words: usize,
}

/// Names found in what was heard.
pub(super) fn corrected(list: &[String], heard: &[Word]) -> Option<Vec<Word>> {
    let names: Vec<Name<'_>> = list.iter().map(|text| Name::new(text)).collect();
    if names.is_empty() {
        return None;
    }
    let mut words = Vec::with_capacity(heard.len());
    let mut at = 0;
    let mut is_changed = false;
    while let Some(rest) = heard.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(found) = best(&names, rest) else {
            words.extend(rest.first().cloned());
            at += 1;
            continue;
        };
        let window = rest.get(..found.words).unwrap_or(rest);
        let text = found.text;
        is_changed |= join(window) != text;
        laid_out(&text, window, &mut words);
        at += found.words;
    }
    is_changed.then_some(words)
}

impl<'p> Name<'p> {
    fn new(text: &'p str) -> Self {
        let letters = letters(text);
        Self {
            text,
            sound: sound(&letters),
            words: text.split_whitespace().count(),
            letters,
        }
    }
}

/// A name at the beginning of what was heard.
struct Found {
    /// How many of the words it takes.
    words: usize,
    /// What is written for them, with their marks.
    text: String,
}

fn best(names: &[Name<'_>], rest: &[Word]) -> Option<Found> {
    let mut found: Option<(usize, &Name<'_>, Found)> = None;
    let mut is_tied = false;
    for count in 1..=WINDOW_MAX.min(rest.len()) {
        let window = rest.get(..count)?;
        let (_, before) = window.split_last()?;
        if before.iter().any(|word| ends_phrase(&word.text)) {
            break;
        }
        for heard in Heard::readings(window) {
            for name in names.iter().filter(|name| count <= name.words + 2) {
                let Some(apart) = heard.apart(name) else {
                    continue;
                };
                let best_yet = found.as_ref().map(|(apart, name, _)| (*apart, name.text));
                match best_yet {
                    Some((least, text)) if apart == least && text != name.text => is_tied = true,
                    Some((least, _)) if apart >= least => {}
                    _ => {
                        is_tied = false;
                        let text = heard.dressed(name.text);
                        let words = count;
                        found = Some((apart, name, Found { words, text }));
                    }
                }
            }
        }
    }
    found.map(|(_, _, found)| found).filter(|_| !is_tied)
}

/// Some words in a row as one row of letters, and what stands around them.
struct Heard<'h> {
    window: &'h [Word],
    before: &'h str,
    after: &'h str,
    owner: &'static str,
    letters: Vec<char>,
    sound: Vec<char>,
}

impl<'h> Heard<'h> {
    /// As it is, and without an `'s` at its end.
    fn readings(window: &'h [Word]) -> impl Iterator<Item = Self> {
        let first = window.first().map_or("", |word| word.text.as_str());
        let last = window.last().map_or("", |word| word.text.as_str());
        let before_end = first.find(char::is_alphanumeric).unwrap_or(0);
        let after_start = last
            .char_indices()
            .rfind(|(_, c)| c.is_alphanumeric())
            .map_or(last.len(), |(at, c)| at + c.len_utf8());
        let before = first.get(..before_end).unwrap_or_default();
        let after = last.get(after_start..).unwrap_or_default();
        let plain = join(window);
        let bare = plain.get(..plain.len() - after.len()).unwrap_or(&plain);
        let owned = bare
            .strip_suffix("'s")
            .or(bare.strip_suffix("’s"))
            .map(|bare| (bare.to_owned(), "'s"));
        [Some((bare.to_owned(), "")), owned]
            .into_iter()
            .flatten()
            .map(move |(bare, owner)| {
                let letters = letters(&bare);
                Self {
                    window,
                    before,
                    after,
                    owner,
                    sound: sound(&letters),
                    letters,
                }
            })
    }

    /// By how many letters it is apart from a name it may be; none: it may not.
    fn apart(&self, name: &Name<'_>) -> Option<usize> {
        let shorter = self.letters.len().min(name.letters.len());
        let longer = self.letters.len().max(name.letters.len());
        if shorter < LETTERS_MIN {
            return None;
        }
        if self.letters == name.letters {
            let is_told = self.window.len() > 1 && self.all(is_listed);
            let is_word = self.window.len() == 1 && self.all(is_ordinary);
            return (!is_told && !is_word).then_some(0);
        }
        if self.sound != name.sound {
            return None;
        }
        let apart = distance(&self.letters, &name.letters);
        let is_spelled = apart <= if shorter >= LONG { 2 } else { 1 };
        let is_sounded = name.sound.len() >= CONSONANTS_LONG && apart * 2 <= longer;
        ((is_spelled || is_sounded) && !self.all(is_ordinary)).then_some(apart)
    }

    /// Whether all of its words are so. Asked last, as it takes long.
    fn all(&self, is_so: impl Fn(&str) -> bool) -> bool {
        self.window.iter().all(|word| {
            let word: String = letters(&word.text).into_iter().collect();
            is_so(&word)
        })
    }

    fn dressed(&self, name: &str) -> String {
        format!("{}{name}{}{}", self.before, self.owner, self.after)
    }
}

fn join(window: &[Word]) -> String {
    let texts: Vec<&str> = window.iter().map(|word| word.text.as_str()).collect();
    texts.join(" ")
}

/// Puts the words of a name into the time of those heard, by their length.
fn laid_out(text: &str, window: &[Word], into: &mut Vec<Word>) {
    let (Some(first), Some(last)) = (window.first(), window.last()) else {
        return;
    };
    let sure = window.iter().map(|word| word.confidence);
    let confidence = sure.fold(f32::INFINITY, f32::min);
    let (from, to) = (first.start_ms, last.end_ms.max(first.start_ms));
    let total = text.split_whitespace().map(str::len).sum::<usize>().max(1) as u64;
    let mut done = 0;
    for word in text.split_whitespace() {
        let start_ms = from + (to - from).saturating_mul(done) / total;
        done += word.len() as u64;
        into.push(Word {
            text: word.to_owned(),
            start_ms,
            end_ms: from + (to - from).saturating_mul(done) / total,
            confidence,
        });
    }
}

fn ends_phrase(text: &str) -> bool {
    text.ends_with(['.', ',', ';', ':', '!', '?', '…'])
}

/// Small letters and digits, without accents.
fn letters(text: &str) -> Vec<char> {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .map(bare)
        .collect()
}

fn bare(c: char) -> char {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è'..='ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ì'..='ï' | 'ī' => 'i',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'š' | 'ś' | 'ş' => 's',
        'ž' | 'ź' | 'ż' => 'z',
        'ł' => 'l',
        'ř' => 'r',
        'ğ' => 'g',
        c => c,
    }
}

/// The consonants as they sound, neighbors that are alike once; a vowel only at the beginning.
/// Letters of other scripts stand for themselves.
fn sound(letters: &[char]) -> Vec<char> {
    let mut sound: Vec<char> = Vec::with_capacity(letters.len());
    let mut last = None;
    let mut at = 0;
    while let Some(&c) = letters.get(at) {
        let next = letters.get(at + 1).copied();
        let is_soft = matches!(next, Some('e' | 'i' | 'y'));
        let (heard, taken): (&[char], usize) = match (c, next) {
            ('p', Some('h')) => (&['f'], 2),
            ('c' | 's', Some('h')) => (&['x'], 2),
            ('t', Some('h')) => (&['0'], 2),
            ('g', Some('h')) => (&['k'], 2),
            ('c', Some('k')) => (&['k'], 2),
            ('q', Some('u')) => (&['k'], 2),
            ('k', Some('n')) if at == 0 => (&['n'], 2),
            ('w', Some('r')) if at == 0 => (&['r'], 2),
            ('p', Some('s')) if at == 0 => (&['s'], 2),
            ('x', _) => (&['k', 's'], 1),
            ('c', _) if is_soft => (&['s'], 1),
            ('g', _) if is_soft => (&['j'], 1),
            ('b' | 'p', _) => (&['p'], 1),
            ('d' | 't', _) => (&['t'], 1),
            ('f' | 'v', _) => (&['f'], 1),
            ('s' | 'z', _) => (&['s'], 1),
            ('c' | 'g' | 'k' | 'q', _) => (&['k'], 1),
            ('a' | 'e' | 'i' | 'o' | 'u', _) if at == 0 => (&['a'], 1),
            ('a' | 'e' | 'i' | 'o' | 'u' | 'y' | 'w' | 'h', _) => (&[], 1),
            _ => (std::slice::from_ref(letters.get(at).unwrap_or(&c)), 1),
        };
        for &one in heard {
            if last != Some(one) {
                sound.push(one);
            }
            last = Some(one);
        }
        if heard.is_empty() {
            last = None;
        }
        at += taken;
    }
    sound
}

/// Letters to change, add or leave out to come from one row to the other.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (b, above) in other.iter().zip(row.iter_mut().skip(1)) {
            let best = (diagonal + usize::from(a != b))
                .min(left + 1)
                .min(*above + 1);
            diagonal = *above;
            *above = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(one.len())
}

/// Endings, and what may stand in a word's first form in their place.
const ENDINGS: &[(&str, &[&str])] = &[
    ("s", &[""]),
    ("es", &["", "e"]),
    ("ies", &["y"]),
    ("ied", &["y"]),
    ("ily", &["y"]),
    ("ier", &["y"]),
    ("ed", &["", "e"]),
    ("d", &[""]),
    ("ing", &["", "e"]),
    ("ings", &["", "e"]),
    ("er", &["", "e"]),
    ("ers", &["", "e"]),
    ("est", &["", "e"]),
    ("or", &["", "e"]),
    ("ors", &["", "e"]),
    ("ly", &["", "le"]),
    ("ion", &["", "e"]),
    ("ions", &["", "e"]),
    ("ment", &[""]),
    ("ness", &[""]),
];

/// Whether the word, or what it may be a form of, stands in the list of ordinary words.
fn is_listed(word: &str) -> bool {
    if stands(word) {
        return true;
    }
    ENDINGS.iter().any(|(ending, firsts)| {
        let Some(head) = word.strip_suffix(ending).filter(|head| head.len() >= 3) else {
            return false;
        };
        let mut last = head.chars().rev();
        let doubled = last.next().filter(|_| last.next() == head.chars().last());
        firsts.iter().any(|first| stands(&format!("{head}{first}")))
            || doubled
                .and_then(|twice| head.strip_suffix(twice))
                .is_some_and(stands)
    })
}

fn stands(form: &str) -> bool {
    let lines = ORDINARY.lines().filter(|line| !line.starts_with('#'));
    lines
        .flat_map(str::split_ascii_whitespace)
        .any(|known| known == form)
}

/// As [`is_listed`], and every short word.
fn is_ordinary(word: &str) -> bool {
    word.len() < LETTERS_MIN || is_listed(word)
}
