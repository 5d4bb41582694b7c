//! The zarrs side of the benchmark: a long-lived worker that reads one job a line on stdin and answers
//! with one line on stdout. bench/README.md has the protocol; bench/run starts this program.

mod jobs;
mod memory;

use std::io::{BufRead, Write};

/// One line of the runner, taken apart.
pub struct Job {
    pub work: String,
    pub mode: String,
    pub store: String,
    pub extra: String,
    pub settings: Settings,
}

/// What bench_worker.h calls settings, as far as this side is asked for it.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub planes: u64,
    pub threads: Option<usize>,
    pub synced: bool,
}

impl Settings {
    fn parse(text: &str) -> Answer<Self> {
        let mut settings = Self { planes: jobs::SIDE, threads: None, synced: false };
        for word in text.split_whitespace() {
            match word.split_once('=').ok_or("a setting has no value")? {
                ("planes", value) => settings.planes = value.parse()?,
                ("threads", value) => settings.threads = Some(value.parse()?),
                ("synced", _) => settings.synced = true,
                (other, _) => return Err(format!("unknown setting {other:?}").into()),
            }
        }
        Ok(settings)
    }
}

/// The order-sensitive sum of the values that a job saw, as bench/headline.h defines it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    pub plain: u64,
    pub weighted: u64,
}

pub struct Outcome {
    pub seconds: f64,
    pub sum: Sum,
}

pub type Answer<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Runs every way in which the library can do the job once with its values summed and once for its time,
/// and remembers the fastest, so that the peer is measured at its best.
fn prepare(worker: &mut jobs::Worker, job: &Job) -> Answer<String> {
    let ways = jobs::ways(job)?;
    let mut best: Option<(f64, &'static str, Sum)> = None;
    for way in ways {
        let summed = worker.run(job, way, true)?;
        let timed = if ways.len() > 1 { worker.run(job, way, false)?.seconds } else { summed.seconds };
        if let Some((_, other, sum)) = best {
            if sum != summed.sum {
                return Err(format!("the ways {other} and {way} disagree about the values").into());
            }
        }
        if best.map_or(true, |(seconds, _, _)| timed < seconds) {
            best = Some((timed, way, summed.sum));
        }
    }
    let (seconds, way, sum) = best.ok_or("no way to do this job")?;
    worker.choose(job, way);
    Ok(format!("ok\t{seconds:.9}\t{way}\t{}\t{}", sum.plain, sum.weighted))
}

fn answer(worker: &mut jobs::Worker, line: &str) -> Answer<String> {
    let mut words = line.split('\t').map(str::to_string);
    let command = words.next().unwrap_or_default();
    let mut next = || words.next().unwrap_or_default();
    match command.as_str() {
        "hold" => worker.hold(&next()).map(|()| "ok".to_string()),
        "drop" => {
            worker.release();
            Ok("ok".to_string())
        }
        "prepare" | "run" => {
            let job = Job {
                work: next(),
                mode: next(),
                store: next(),
                extra: next(),
                settings: Settings::parse(&next())?,
            };
            memory::want_sync(job.settings.synced);
            if command == "prepare" {
                return prepare(worker, &job);
            }
            let way = worker.chosen(&job).ok_or("this job was not prepared")?;
            Ok(format!("ok\t{:.9}", worker.run(&job, way, false)?.seconds))
        }
        other => Err(format!("unknown command {other:?}").into()),
    }
}

fn main() -> Answer<()> {
    let mut worker = jobs::Worker::new()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "hello\tzarrs\t{}", jobs::VERSION)?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line == "quit" {
            break;
        }
        let reply = answer(&mut worker, &line)
            .unwrap_or_else(|error| format!("error\t{}", error.to_string().replace(['\n', '\t'], " ")));
        writeln!(out, "{reply}")?;
        out.flush()?;
    }
    Ok(())
}
