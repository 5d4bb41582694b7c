//! The jobs themselves: reading whole, chunk by chunk and by boxes, and writing.

use crate::memory::HugePages;
use crate::{Answer, Job, Outcome, Sum};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use unsafe_cell_slice::UnsafeCellSlice;
use zarrs::array::{
    Array, ArrayBytes, ArrayBytesDecodeIntoTarget, ArrayBytesFixedDisjointView, ArrayMetadata,
    ArrayShardedReadableExt, ArrayShardedReadableExtCache, ArraySubset, CodecOptions,
};
use zarrs::filesystem::{FilesystemStore, FilesystemStoreOptions};

pub const VERSION: &str = "0.23.14";

pub const SIDE: u64 = 1024;
const CHUNK: u64 = 256;
const INNER: u64 = 64;
const BOX: u64 = 32;
const OPENS: usize = 20;
const PLANE_BYTES: u64 = SIDE * SIDE * 2;
const BYTES: usize = (SIDE * PLANE_BYTES) as usize;
const CHUNK_BYTES: usize = (CHUNK * CHUNK * CHUNK * 2) as usize;

type Store = FilesystemStore;

/// The ways in which zarrs can do a job. The fastest one on this machine is measured.
pub fn ways(job: &Job) -> Answer<&'static [&'static str]> {
    Ok(match job.work.as_str() {
        "read" if job.mode == "own" => &["retrieve_array_subset"],
        "read" => &["retrieve_array_subset_into"],
        "chunks" => &["retrieve_chunk", "retrieve_array_subset_into"],
        "boxes" | "inner" => &["shard cache", "retrieve_array_subset"],
        "plane" | "open" => &["retrieve_array_subset"],
        "write" | "rewrite" => &["store_array_subset"],
        "reshard" => &["a chunk for each processor"],
        other => return Err(format!("unknown work {other:?}").into()),
    })
}

/// What lives from job to job: the big buffer, the threads, and the way chosen for each job.
pub struct Worker {
    held: Option<HugePages>,
    chosen: HashMap<String, &'static str>,
    threads: usize,
}

fn job_name(job: &Job) -> String {
    let list = if job.work == "boxes" || job.work == "inner" { &job.extra } else { "" };
    format!("{} {} {} {list} {:?}", job.work, job.mode, job.store, job.settings)
}

fn open(path: &str) -> Answer<Array<Store>> {
    let mut options = FilesystemStoreOptions::default();
    options.file_handle_cache_size(128);
    let store = Arc::new(FilesystemStore::new_with_options(path, options)?);
    Ok(Array::open(store, "/")?)
}

/// The metadata of a store, for an array of so many planes.
fn metadata_of(path: &str, planes: u64) -> Answer<ArrayMetadata> {
    let text = std::fs::read_to_string(format!("{path}/zarr.json"))?;
    let mut metadata = ArrayMetadata::try_from(text.as_str())?;
    if let ArrayMetadata::V3(metadata) = &mut metadata {
        metadata.shape[0] = planes;
    }
    Ok(metadata)
}

fn create(path: &str, metadata: ArrayMetadata) -> Answer<Array<Store>> {
    let store = Arc::new(FilesystemStore::new(path)?);
    let array = Array::new_with_metadata(store, "/", metadata)?;
    array.store_metadata()?;
    Ok(array)
}

fn options(threads: usize) -> CodecOptions {
    CodecOptions::default().with_concurrent_target(threads)
}

fn cube(start: [u64; 3], side: u64) -> ArraySubset {
    ArraySubset::new_with_ranges(&start.map(|first| first..first + side))
}

fn planes(count: u64) -> ArraySubset {
    ArraySubset::new_with_ranges(&[0..count, 0..SIDE, 0..SIDE])
}

/// Adds a dense little-endian block of cubic shape to the sum, in parallel over its planes.
fn sum_block(bytes: &[u8], start: [u64; 3], side: u64) -> Sum {
    sum_rows(bytes, start, side, side)
}

/// The same for planes of any number of rows of any length.
fn sum_rows(bytes: &[u8], start: [u64; 3], rows: u64, row: u64) -> Sum {
    let row_bytes = (row * 2) as usize;
    bytes
        .par_chunks_exact(row_bytes * rows as usize)
        .enumerate()
        .map(|(z, plane)| {
            let mut sum = Sum::default();
            for (y, row) in plane.chunks_exact(row_bytes).enumerate() {
                let first = ((start[0] + z as u64) * SIDE + start[1] + y as u64) * SIDE + start[2] + 1;
                for (x, value) in row.chunks_exact(2).enumerate() {
                    let value = u64::from(u16::from_le_bytes([value[0], value[1]]));
                    sum.plain = sum.plain.wrapping_add(value);
                    sum.weighted = sum.weighted.wrapping_add(value.wrapping_mul(first + x as u64));
                }
            }
            sum
        })
        .reduce(Sum::default, Sum::plus)
}

impl Sum {
    fn plus(self, other: Self) -> Self {
        Self {
            plain: self.plain.wrapping_add(other.plain),
            weighted: self.weighted.wrapping_add(other.weighted),
        }
    }
}

fn read_into(
    array: &Array<Store>,
    subset: &ArraySubset,
    bytes: &mut [u8],
    options: &CodecOptions,
) -> Answer<()> {
    let shape = subset.shape().to_vec();
    let whole = ArraySubset::new_with_shape(shape.clone());
    // SAFETY: this is the only view of these bytes.
    let mut view = unsafe {
        ArrayBytesFixedDisjointView::new(UnsafeCellSlice::new(bytes), 2, &shape, whole)?
    };
    array.retrieve_array_subset_into_opt(
        subset,
        ArrayBytesDecodeIntoTarget::Fixed(&mut view),
        options,
    )?;
    Ok(())
}

fn chunk_starts(planes: u64) -> Vec<[u64; 3]> {
    let count = SIDE / CHUNK;
    (0..planes / CHUNK * count * count)
        .map(|i| [i / (count * count) * CHUNK, i / count % count * CHUNK, i % count * CHUNK])
        .collect()
}

/// The starts of the boxes: one line of three numbers each.
fn box_starts(path: &str) -> Answer<Vec<[u64; 3]>> {
    let text = std::fs::read_to_string(path)?;
    text.lines()
        .map(|line| {
            let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>()?;
            Ok(numbers.try_into().map_err(|_| "a box needs three numbers")?)
        })
        .collect()
}

impl Worker {
    pub fn new() -> Answer<Self> {
        let threads = std::thread::available_parallelism()?.get();
        Ok(Self { held: None, chosen: HashMap::new(), threads })
    }

    pub fn choose(&mut self, job: &Job, way: &'static str) {
        self.chosen.insert(job_name(job), way);
    }

    pub fn chosen(&self, job: &Job) -> Option<&'static str> {
        self.chosen.get(&job_name(job)).copied()
    }

    /// Fills the big buffer with the values of the store; it serves as reused output and as source.
    pub fn hold(&mut self, path: &str) -> Answer<()> {
        let mut memory = HugePages::new(BYTES)?;
        let array = open(path)?;
        read_into(&array, &array.subset_all(), memory.bytes_mut(), &options(self.threads))?;
        self.held = Some(memory);
        Ok(())
    }

    pub fn release(&mut self) {
        self.held = None;
    }

    pub fn run(&mut self, job: &Job, way: &str, summed: bool) -> Answer<Outcome> {
        match job.work.as_str() {
            "read" => self.read(job, summed),
            "chunks" => self.chunks(job, way, summed),
            "boxes" | "inner" => self.boxes(job, way, summed),
            "plane" => self.plane(job, summed),
            "open" => self.opens(job, summed),
            "reshard" => self.reshard(job),
            "write" => self.write(job, true),
            "rewrite" => self.write(job, false),
            other => Err(format!("unknown work {other:?}").into()),
        }
    }

    fn read(&mut self, job: &Job, summed: bool) -> Answer<Outcome> {
        let sum = move |bytes: &[u8]| if summed { sum_block(bytes, [0; 3], SIDE) } else { Sum::default() };
        if job.settings.threads == Some(1) {
            // What zarrs does in parallel it does in the pool that it is called from.
            return rayon::ThreadPoolBuilder::new()
                .num_threads(1)
                .build()?
                .install(|| self.read_with(job, &options(1), sum));
        }
        self.read_with(job, &options(self.threads), sum)
    }

    fn read_with(
        &mut self,
        job: &Job,
        options: &CodecOptions,
        sum: impl Fn(&[u8]) -> Sum + Send,
    ) -> Answer<Outcome> {
        let started = Instant::now();
        let array = open(&job.store)?;
        let all = planes(job.settings.planes);
        let size_bytes = (job.settings.planes * PLANE_BYTES) as usize;
        match job.mode.as_str() {
            "own" => {
                let bytes = array.retrieve_array_subset_opt::<ArrayBytes>(&all, options)?;
                let seconds = started.elapsed().as_secs_f64();
                Ok(Outcome { seconds, sum: sum(&bytes.into_fixed()?) })
            }
            "huge" => {
                let mut memory = HugePages::new(size_bytes)?;
                read_into(&array, &all, memory.bytes_mut(), options)?;
                let seconds = started.elapsed().as_secs_f64();
                Ok(Outcome { seconds, sum: sum(memory.bytes()) })
            }
            "reused" => {
                let held = self.held.as_mut().ok_or("nothing is held")?;
                let memory = &mut held.bytes_mut()[..size_bytes];
                read_into(&array, &all, memory, options)?;
                let seconds = started.elapsed().as_secs_f64();
                Ok(Outcome { seconds, sum: sum(memory) })
            }
            other => Err(format!("unknown output {other:?}").into()),
        }
    }

    /// As many threads as chunks are in flight take the chunks in turn; zarrs gets the rest of the
    /// processors for inside a chunk.
    fn chunks(&self, job: &Job, way: &str, summed: bool) -> Answer<Outcome> {
        let in_flight: usize = job.mode.parse()?;
        let options = options((self.threads / in_flight).max(1));
        let starts = chunk_starts(job.settings.planes);
        let next = std::sync::atomic::AtomicUsize::new(0);
        let started = Instant::now();
        let array = open(&job.store)?;
        let one_worker = || -> Answer<Sum> {
            let mut sum = Sum::default();
            let mut memory = HugePages::new(CHUNK_BYTES)?;
            while let Some(&start) =
                starts.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
            {
                let part;
                let bytes = if way == "retrieve_chunk" {
                    let indices = start.map(|first| first / CHUNK);
                    part = array.retrieve_chunk_opt::<ArrayBytes>(&indices, &options)?.into_fixed()?;
                    &part[..]
                } else {
                    read_into(&array, &cube(start, CHUNK), memory.bytes_mut(), &options)?;
                    memory.bytes()
                };
                if summed {
                    sum = sum.plus(sum_block(bytes, start, CHUNK));
                }
            }
            Ok(sum)
        };
        let sum = std::thread::scope(|scope| {
            let others: Vec<_> = (1..in_flight).map(|_| scope.spawn(one_worker)).collect();
            let mut sum = one_worker()?;
            for other in others {
                sum = sum.plus(other.join().map_err(|_| "a thread panicked")??);
            }
            Answer::Ok(sum)
        })?;
        Ok(Outcome { seconds: started.elapsed().as_secs_f64(), sum })
    }

    fn boxes(&self, job: &Job, way: &str, summed: bool) -> Answer<Outcome> {
        let starts = box_starts(&job.extra)?;
        let batch = job.mode == "batch";
        let edge = if job.work == "inner" { INNER } else { BOX };
        let options = options(if batch { 1 } else { self.threads });
        let started = Instant::now();
        let array = open(&job.store)?;
        let cache = ArrayShardedReadableExtCache::new(&array);
        let one_box = |&start: &[u64; 3]| -> Answer<Vec<u8>> {
            let subset = cube(start, edge);
            let bytes: ArrayBytes = if way == "shard cache" {
                array.retrieve_array_subset_sharded_opt(&cache, &subset, &options)?
            } else {
                array.retrieve_array_subset_opt(&subset, &options)?
            };
            Ok(bytes.into_fixed()?.into_owned())
        };
        // The results of a batch are kept until its end, as the other side does.
        let mut sum = Sum::default();
        let kept: Vec<Vec<u8>>;
        let seconds;
        if batch {
            kept = starts.par_iter().map(one_box).collect::<Answer<_>>()?;
            seconds = started.elapsed().as_secs_f64();
            if summed {
                for (bytes, start) in kept.iter().zip(&starts) {
                    sum = sum.plus(sum_block(bytes, *start, edge));
                }
            }
        } else {
            for start in &starts {
                let bytes = one_box(start)?;
                if summed {
                    sum = sum.plus(sum_block(&bytes, *start, edge));
                }
            }
            seconds = started.elapsed().as_secs_f64();
        }
        Ok(Outcome { seconds, sum })
    }

    /// Writes the held values under the metadata of the reference store. fsync is a no-op in this process
    /// (bench/nosync.c), since the file system store of zarrs has no switch for it.
    fn write(&self, job: &Job, fresh: bool) -> Answer<Outcome> {
        let memory = self.held.as_ref().ok_or("nothing is held")?;
        let options = options(self.threads);
        let metadata = metadata_of(&job.store, job.settings.planes)?;
        let started = Instant::now();
        let array = if fresh { create(&job.extra, metadata)? } else { open(&job.extra)? };
        array.store_array_subset_opt(
            &array.subset_all(),
            ArrayBytes::new_flen(&memory.bytes()[..(job.settings.planes * PLANE_BYTES) as usize]),
            &options,
        )?;
        Ok(Outcome { seconds: started.elapsed().as_secs_f64(), sum: Sum::default() })
    }

    /// As zarrs_reencode does it: chunk by chunk of what is written, so many at once, each read from the source
    /// and stored.
    fn reshard(&self, job: &Job) -> Answer<Outcome> {
        let options = options(1);
        let folder = std::path::Path::new(&job.store).parent().ok_or("the store has no folder")?;
        let target = std::path::Path::new(&job.extra).file_name().ok_or("the target has no name")?;
        let reference = folder.join(target);
        let metadata = metadata_of(&reference.to_string_lossy(), job.settings.planes)?;
        let next = std::sync::atomic::AtomicUsize::new(0);
        let starts = chunk_starts(job.settings.planes);
        let started = Instant::now();
        let (from, to) = (open(&job.store)?, create(&job.extra, metadata)?);
        let one_worker = || -> Answer<()> {
            while let Some(&start) =
                starts.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
            {
                let bytes: ArrayBytes =
                    from.retrieve_array_subset_opt(&cube(start, CHUNK), &options)?;
                to.store_chunk_opt(&start.map(|first| first / CHUNK), bytes, &options)?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..self.threads).map(|_| scope.spawn(one_worker)).collect();
            one_worker()?;
            for other in others {
                other.join().map_err(|_| "a thread panicked")??;
            }
            Answer::Ok(())
        })?;
        Ok(Outcome { seconds: started.elapsed().as_secs_f64(), sum: Sum::default() })
    }

    fn plane(&self, job: &Job, summed: bool) -> Answer<Outcome> {
        let axis = "zyx".find(&job.mode).ok_or("a plane has one of the axes z, y, x")?;
        let (mut start, mut shape) = ([0; 3], [SIDE; 3]);
        (start[axis], shape[axis]) = (SIDE / 2, 1);
        let subset = ArraySubset::new_with_start_shape(start.to_vec(), shape.to_vec())?;
        let options = options(self.threads);
        let started = Instant::now();
        let array = open(&job.store)?;
        let bytes: ArrayBytes = array.retrieve_array_subset_opt(&subset, &options)?;
        let seconds = started.elapsed().as_secs_f64();
        let bytes = bytes.into_fixed()?;
        let sum = if summed { sum_rows(&bytes, start, shape[1], shape[2]) } else { Sum::default() };
        Ok(Outcome { seconds, sum })
    }

    /// A handle that nobody has used before, again and again, and its first inner chunk.
    fn opens(&self, job: &Job, summed: bool) -> Answer<Outcome> {
        let options = options(self.threads);
        let mut first = Vec::new();
        let started = Instant::now();
        for _ in 0..OPENS {
            let array = open(&job.store)?;
            let bytes: ArrayBytes = array.retrieve_array_subset_opt(&cube([0; 3], INNER), &options)?;
            first = bytes.into_fixed()?.into_owned();
        }
        let seconds = started.elapsed().as_secs_f64();
        let sum = if summed { sum_block(&first, [0; 3], INNER) } else { Sum::default() };
        Ok(Outcome { seconds, sum })
    }
}
