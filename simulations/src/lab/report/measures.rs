//! The numbers that say the most about a run.

use super::{
    Report,
    words::{bytes, duration, real, short},
};
use crate::lab::{Path, figures::percentile};

/// A number with what it measures.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What.
    pub name: &'static str,
    /// How much; none if there was nothing to measure.
    pub value: Option<f64>,
    /// How it is written.
    pub words: fn(f64) -> String,
    /// It is a part of a hundred, so a part of it says nothing.
    pub is_part: bool,
    /// The same seed gives the same value. False for what depends on the computer.
    pub fixed: bool,
}

impl Measured {
    /// The value in words.
    #[must_use]
    pub fn shown(&self) -> String {
        self.value.map_or_else(|| "\u{2013}".to_owned(), self.words)
    }
}

/// All of them, always in this order.
#[must_use]
pub fn measures(report: &Report) -> Vec<Measured> {
    let figures = &report.figures;
    let fixed = |name, value, words| Measured { name, value, words, is_part: false, fixed: true };
    let loose = |name, value, words| Measured { name, value, words, is_part: false, fixed: false };
    let of_texts = |count: u64| (figures.texts > 0).then(|| real(count) / real(figures.texts));
    let at = |times: &[u64], percent| percentile(times, percent).map(real);
    let empty = Vec::new();
    let path = |path| figures.delivery.get(&path).unwrap_or(&empty);
    let (inward, outward) = (path(Path::CustomerToBusiness), path(Path::BusinessToCustomer));
    let last = figures.samples.last();
    let size = |count: usize| real(u64::try_from(count).unwrap_or(u64::MAX));
    let mean = last.filter(|_| figures.nodes > 0).map(|last| size(last.bytes) / size(figures.nodes));
    let held = last.filter(|_| figures.nodes > 0).map(|last| size(last.held) / size(figures.nodes));
    let most_held = figures.samples.iter().map(|sample| sample.most_held).max();
    let (memory, nodes) = (report.memory.map(|kib| real(kib) * 1024.0), size(figures.nodes));
    let open = figures.texts.saturating_sub(figures.delivered).saturating_sub(figures.failed);
    // What happens in some scenarios only is told of those alone.
    let some = |count: u64| (count > 0).then(|| real(count));
    let lawless: u64 = figures.attacks.values().map(|attack| attack.lawless).sum();
    let attacks: u64 = figures.attacks.values().map(|attack| attack.tried).sum();
    let peak = figures.samples.iter().map(|sample| sample.most_waiting.max(sample.waiting)).max();
    vec![
        fixed("nodes", Some(size(figures.nodes)), short),
        fixed("texts", Some(real(figures.texts)), short),
        Measured {
            is_part: true,
            ..fixed("delivered", of_texts(figures.delivered).map(|part| part * 100.0), percent)
        },
        fixed("refused", Some(real(figures.failed)), short),
        fixed("neither, at the end", Some(real(open)), short),
        fixed("customers who gave up", Some(real(figures.gave_up)), short),
        fixed("customers who went without an answer", Some(real(figures.unanswered)), short),
        fixed("customer to business, half within", at(inward, 50), duration),
        fixed("customer to business, 99 % within", at(inward, 99), duration),
        fixed("business to customer, half within", at(outward, 50), duration),
        fixed("business to customer, 99 % within", at(outward, 99), duration),
        fixed("first answer, half within", at(&figures.first_answer, 50), duration),
        fixed("forward, half within", at(&figures.forward, 50), duration),
        fixed("agent that was let go could write, half less than", at(&figures.revocation, 50), duration),
        fixed("agent that was let go could write, at most", at(&figures.revocation, 100), duration),
        fixed("frames a text", of_texts(figures.frames), short),
        fixed("bytes a text", of_texts(figures.bytes), bytes),
        fixed("most frames waiting in one moment", peak.map(size), short),
        fixed("stored a node at the end, mean", mean, bytes),
        fixed("stored by the fullest node", last.map(|last| size(last.largest_disk)), bytes),
        fixed("held in memory a node at the end, mean", held, bytes),
        fixed("most held in memory by a node", most_held.map(size), bytes),
        fixed("frames lost on the way", Some(real(figures.mishaps.lost)), short),
        fixed("frames that came twice", Some(real(figures.mishaps.doubled)), short),
        fixed("frames that came late", Some(real(figures.mishaps.late)), short),
        fixed("frames that queued for a link", Some(real(figures.mishaps.queued)), short),
        fixed("faults", Some(size(figures.faults.len())), short),
        fixed("attacks tried", Some(real(attacks)), short),
        fixed("commits of adversaries that MLS alone would take", some(lawless), short),
        fixed("frames that adversaries withheld", some(figures.withheld), short),
        fixed("times that a node shut a peer out", some(figures.shut_out), short),
        fixed("texts shown late, after newer ones of their author", some(figures.out_of_turn), short),
        fixed(
            "texts on their way to a newcomer's thread, within its bound",
            some(figures.crossed_within),
            short,
        ),
        fixed(
            "texts on their way to a newcomer's thread, before its bound",
            some(figures.crossed_before),
            short,
        ),
        fixed("pairs that never could be connected", some(figures.apart), short),
        fixed("times that owners switched off", some(figures.switched_off), short),
        fixed("threads handed over", some(figures.handed_over), short),
        fixed("agents taken out by hand", some(figures.revoked), short),
        fixed("kills that took what was not durable", some(figures.unflushed), short),
        fixed("nodes put back to old copies", some(figures.rolled_back), short),
        fixed("owners warned of an old copy", some(figures.warned), short),
        fixed("threads that those forgot", some(figures.forgotten), short),
        fixed("administrators that others took over from", some(figures.replaced), short),
        fixed("until another led a thread of theirs, half within", at(&figures.takeover, 50), duration),
        fixed("until another led a thread of theirs, at most", at(&figures.takeover, 100), duration),
        fixed("takeovers that came too late", some(figures.too_late), short),
        fixed("threads that their steward forgot", some(figures.frozen), short),
        fixed("texts that a steward brought for one who had left", Some(real(figures.brought)), short),
        fixed("nodes with something to send when faults stopped", Some(real(figures.waited)), short),
        fixed("settled after", figures.settled_in.map(real), duration),
        fixed("events", Some(real(figures.events)), short),
        loose("events a real second", (figures.took > 0.0).then(|| figures.events_a_second()), short),
        loose("played in", (figures.took > 0.0).then_some(figures.took * 1000.0), duration),
        loose("memory of the program", memory, bytes),
        loose(
            "memory of the program, a node",
            memory.filter(|_| figures.nodes > 0).map(|all| all / nodes),
            bytes,
        ),
    ]
}

fn percent(value: f64) -> String {
    if value >= 100.0 { "100 %".into() } else { format!("{value:.2} %") }
}
