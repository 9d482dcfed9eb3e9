//! The plots of a run.

use super::{
    plot::{Axis, Measure, Plot, Series, Shape},
    shares::share,
    words::{bytes, kind_name, real, short},
};
use crate::lab::{
    Path,
    figures::{Figures, Sample},
};
use std::collections::{BTreeMap, BTreeSet};

const HOUR: f64 = 3_600_000.0;

/// All plots of a run, in the order in which a page shows them.
#[must_use]
pub fn plots(figures: &Figures) -> Vec<Plot> {
    vec![
        ratio(figures),
        delay(figures),
        times("first-answer", "Time to the first answer", FIRST_ANSWER, &figures.first_answer),
        times("forward", "How long a forward takes", FORWARD, &figures.forward),
        times("revocation", "How long a removed agent could still write", REVOCATION, &figures.revocation),
        outboxes(figures),
        frames(figures),
        traffic(figures),
        memory(figures),
        storage(figures),
        up(figures),
        events(figures),
        faults(figures),
    ]
}

const FIRST_ANSWER: &str = "From a customer's first text, or the first after an answer, to the answer on the customer's \
    device. It holds working hours and the speed of people, so it is mostly about them. Who went without an answer isn't in \
    it; how many these are is told above.";
const FORWARD: &str = "From the command to forward, or from the thread's coming where a node's own rule forwards it, until the \
    newcomer is in the thread and can write.";
const REVOCATION: &str = "From the change that takes a device out until each of the other members' nodes knows it: so long the \
    removed device could still write to the customer, and read what the customer wrote.";

fn ratio(figures: &Figures) -> Plot {
    let hours = figures.hours.iter().enumerate().filter(|(_, hour)| hour.texts > 0);
    let points = hours.map(|(at, hour)| {
        let middle = real(u64::try_from(at).unwrap_or_default()) + 0.5;
        (middle, 100.0 * real(hour.delivered) / real(hour.texts))
    });
    let facts = vec![
        ("texts", short(real(figures.texts))),
        ("delivered", short(real(figures.delivered))),
        ("refused", short(real(figures.failed))),
    ];
    Plot {
        id: "delivery",
        title: "Texts that were delivered".into(),
        about: "For each hour in which somebody wrote: how many of its texts were delivered in the end. The others \
            were refused or were still on their way when the run ended. What everybody writes in the last moment is left \
            out, here and in all that is told by the hour."
            .into(),
        x: clock(figures),
        y: axis("delivered, %", Measure::Percent),
        series: vec![Series {
            name: String::new(),
            colour: 0,
            dashed: false,
            shape: Shape::Dots,
            points: points.collect(),
            facts,
        }],
    }
}

fn delay(figures: &Figures) -> Plot {
    let paths = [Path::CustomerToBusiness, Path::BusinessToCustomer, Path::BotToCustomer];
    let series = paths.into_iter().zip(0..).filter_map(|(path, colour)| {
        let name = match path {
            Path::CustomerToBusiness => "customer to business",
            Path::BusinessToCustomer => "business to customer",
            Path::BotToCustomer => "bot to customer",
        };
        figures.delivery.get(&path).map(|times| share(name, colour, times))
    });
    Plot {
        id: "delay",
        title: "Delay from writing to delivery".into(),
        about: "Of how many of the delivered texts the author knew it after so long, by the way they go. Delivered \
            means that a device of the other side has opened the text and made it durable; the way back is part of the time."
            .into(),
        x: axis("delay (each mark is about ten times the one before)", Measure::Duration),
        y: axis("of all delivered, %", Measure::Percent),
        series: series.collect(),
    }
}

fn times(id: &'static str, title: &str, about: &str, times: &[u64]) -> Plot {
    Plot {
        id,
        title: title.into(),
        about: about.into(),
        x: axis("time (each mark is about ten times the one before)", Measure::Duration),
        y: axis("of all, % that took no longer", Measure::Percent),
        series: vec![share("", 0, times)],
    }
}

fn outboxes(figures: &Figures) -> Plot {
    let waiting = |sample: &Sample| sample.most_waiting.max(sample.waiting);
    let most = |sample: &Sample| sample.longest_outbox;
    Plot {
        id: "outboxes",
        title: "Frames waiting in outboxes".into(),
        about: "What nodes had stored for others and was not settled, the most in each five minutes: of all nodes \
            together, and of the one with the most. Most frames wait for less than a second."
            .into(),
        x: clock(figures),
        y: axis("frames", Measure::Count),
        series: vec![
            level("all nodes together", 0, figures, waiting, short),
            level("the fullest one", 1, figures, most, short),
        ],
    }
}

fn memory(figures: &Figures) -> Plot {
    let nodes = figures.nodes.max(1);
    Plot {
        id: "memory",
        title: "What a node holds in memory".into(),
        about: "Open threads with their keys, frames on their way, and all else that an engine keeps in memory, \
            counted, with a fixed size for each: the mean of all nodes, and the node with the most. What the whole \
            program took is in the table."
            .into(),
        x: clock(figures),
        y: axis("bytes a node, estimated", Measure::Bytes),
        series: vec![
            level("mean of all nodes", 0, figures, |sample| sample.held / nodes, bytes),
            level("the one with the most", 1, figures, |sample| sample.most_held, bytes),
        ],
    }
}

fn storage(figures: &Figures) -> Plot {
    let nodes = figures.nodes.max(1);
    Plot {
        id: "storage",
        title: "What a node keeps on its disk".into(),
        about: "Bytes of all records that a node has stored, keys and values: the mean of all nodes, and the node \
            with the most."
            .into(),
        x: clock(figures),
        y: axis("bytes a node", Measure::Bytes),
        series: vec![
            level("mean of all nodes", 0, figures, |sample| sample.bytes / nodes, bytes),
            level("the fullest one", 1, figures, |sample| sample.largest_disk, bytes),
        ],
    }
}

fn up(figures: &Figures) -> Plot {
    Plot {
        id: "up",
        title: "Nodes that were up".into(),
        about: "Devices that were switched on and running, of all. The others had crashed, slept, or their owners had \
            gone home."
            .into(),
        x: clock(figures),
        y: axis("nodes", Measure::Count),
        series: vec![level("", 0, figures, |sample| sample.up, short)],
    }
}

fn frames(figures: &Figures) -> Plot {
    let per_text = |before: &Sample, after: &Sample| {
        (after.frames.saturating_sub(before.frames), after.texts.saturating_sub(before.texts))
    };
    Plot {
        id: "frames",
        title: "Frames for each text".into(),
        about: "All frames that were sent in an hour, for each text that was written in it: the texts to each member, \
            acknowledgements, forwards, and what was sent again."
            .into(),
        x: clock(figures),
        y: axis("frames a text", Measure::Count),
        series: vec![hourly(figures, per_text, short, (figures.frames, figures.texts))],
    }
}

fn traffic(figures: &Figures) -> Plot {
    let per_text = |before: &Sample, after: &Sample| {
        (after.sent.saturating_sub(before.sent), after.texts.saturating_sub(before.texts))
    };
    Plot {
        id: "traffic",
        title: "Bytes for each text".into(),
        about: "The bytes of the same frames, without what transports add. Bringing an agent into a thread costs the \
            most."
            .into(),
        x: clock(figures),
        y: axis("bytes a text", Measure::Bytes),
        series: vec![hourly(figures, per_text, bytes, (figures.bytes, figures.texts))],
    }
}

fn events(figures: &Figures) -> Plot {
    let windows = played(figures).windows(2).filter_map(|pair| {
        let [before, after] = pair else { return None };
        let seconds = real(after.at.saturating_sub(before.at)) / 1000.0;
        (seconds > 0.0)
            .then(|| (real(before.at) / HOUR, real(after.events.saturating_sub(before.events)) / seconds))
    });
    let mut facts = vec![("events", short(real(figures.events)))];
    if figures.took > 0.0 {
        facts.push(("played in a real second", short(figures.events_a_second())));
    }
    Plot {
        id: "events",
        title: "Events a second of simulated time".into(),
        about: "Frames that arrive, connections, deadlines and deeds of people in a second of the simulated time: how \
            busy the world was. The table says how many the computer played in a real second."
            .into(),
        x: clock(figures),
        y: axis("events a simulated second", Measure::Count),
        series: vec![Series {
            name: String::new(),
            colour: 0,
            dashed: false,
            shape: Shape::Steps,
            points: windows.collect(),
            facts,
        }],
    }
}

fn faults(figures: &Figures) -> Plot {
    let hour = |at: &u64| real(*at) / HOUR;
    let lasting =
        figures.lasting.iter().map(|(from, until, kind)| (kind_name(kind), [hour(from), hour(until)]));
    let lasts: BTreeSet<_> = figures.lasting.iter().map(|(.., kind)| kind).collect();
    let others = figures.faults.iter().filter(|(_, kind)| !lasts.contains(kind));
    let others = others.map(|(at, kind)| (kind_name(kind), [hour(at); 2]));
    let turned = figures.turned.iter();
    let turned = turned.map(|(at, kind)| (format!("turns: {}", kind_name(kind)), [hour(at); 2]));
    let mut rows: BTreeMap<String, Vec<[f64; 2]>> = BTreeMap::new();
    for (name, span) in lasting.chain(others).chain(turned) {
        rows.entry(name).or_default().push(span);
    }
    let series = rows.iter().zip(0u64..).map(|((name, spans), row)| Series {
        name: name.clone(),
        colour: usize::from(name.starts_with("turns")),
        dashed: false,
        shape: Shape::Bars,
        points: spans.iter().flatten().map(|at| (*at, real(row))).collect(),
        facts: vec![("times", spans.len().to_string())],
    });
    let series = series.collect();
    Plot {
        id: "faults",
        title: "What went wrong, and when".into(),
        about: "Each stroke is a fault that the scenario asked for, or a node that turns into an adversary, in the \
            row of its kind; a bar is as long as the fault lasted. All of it stops at the end; then everything has to settle."
            .into(),
        x: clock(figures),
        y: axis("kind", Measure::Rows(rows.into_keys().collect())),
        series,
    }
}

fn axis(label: &str, measure: Measure) -> Axis {
    Axis { label: label.into(), measure }
}

fn clock(figures: &Figures) -> Axis {
    axis("time of day in the simulation", Measure::Clock(figures.virtual_hours))
}

/// The samples of the hours that were played, without that after everything had settled.
fn played(figures: &Figures) -> &[Sample] {
    let over = |sample: &Sample| real(sample.at) / HOUR <= figures.virtual_hours;
    figures.samples.get(..figures.samples.partition_point(over)).unwrap_or_default()
}

/// How something stood at each sample.
fn level(
    name: &str,
    colour: usize,
    figures: &Figures,
    value: impl Fn(&Sample) -> usize,
    words: fn(f64) -> String,
) -> Series {
    let of = |sample: &Sample| real(u64::try_from(value(sample)).unwrap_or(u64::MAX));
    let points: Vec<(f64, f64)> =
        played(figures).iter().map(|sample| (real(sample.at) / HOUR, of(sample))).collect();
    let most = figures.samples.iter().map(of).fold(0.0, f64::max);
    let last = figures.samples.last().map(of);
    let facts = last.map(|last| vec![("most", words(most)), ("at the end", words(last))]);
    Series {
        name: name.into(),
        colour,
        dashed: false,
        shape: Shape::Line,
        points,
        facts: facts.unwrap_or_default(),
    }
}

/// What a text cost in each hour in which there were some.
fn hourly(
    figures: &Figures,
    cost: impl Fn(&Sample, &Sample) -> (u64, u64),
    words: fn(f64) -> String,
    (all, texts): (u64, u64),
) -> Series {
    let mut points = Vec::new();
    let mut before = figures.samples.first();
    for sample in played(figures) {
        let Some(start) = before else { break };
        if sample.at.saturating_sub(start.at) < 3_600_000 {
            continue;
        }
        let (cost, texts) = cost(start, sample);
        if texts > 0 {
            points.push(((real(start.at) + HOUR / 2.0) / HOUR, real(cost) / real(texts)));
        }
        before = Some(sample);
    }
    let facts =
        if texts > 0 { vec![("over the whole run", words(real(all) / real(texts)))] } else { Vec::new() };
    Series { name: String::new(), colour: 0, dashed: false, shape: Shape::Dots, points, facts }
}
