//! zarrs as a peer of the conformance matrix: `read PLACE` writes all elements of an array to standard
//! output, `write PLACE` takes them from standard input. Elements are as zarrs has them in memory: of
//! fixed length one behind the other, little-endian, in C order; of variable length a little-endian
//! u64 with the number of bytes in front of each.

use std::error::Error;
use std::io::{Read, Write};
use std::sync::Arc;

use zarrs::array::{Array, ArrayBytes, ArrayBytesOffsets, ArraySubset};
use zarrs::filesystem::FilesystemStore;

type Answer<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn read(array: &Array<FilesystemStore>, subset: &ArraySubset) -> Answer<()> {
    let mut out = std::io::stdout().lock();
    match array.retrieve_array_subset::<ArrayBytes<'static>>(subset)? {
        ArrayBytes::Fixed(bytes) => out.write_all(&bytes)?,
        ArrayBytes::Variable(elements) => {
            let (bytes, offsets) = elements.into_parts();
            for ends in offsets.windows(2) {
                let element = &bytes[ends[0]..ends[1]];
                out.write_all(&(element.len() as u64).to_le_bytes())?;
                out.write_all(element)?;
            }
        }
        ArrayBytes::Optional(_) => return Err("elements that may be missing".into()),
    }
    Ok(out.flush()?)
}

/// Elements with their lengths as zarrs wants them: all bytes, and where each element ends.
fn split(mut input: &[u8]) -> Answer<(Vec<u8>, Vec<usize>)> {
    let (mut bytes, mut ends) = (Vec::new(), vec![0]);
    while !input.is_empty() {
        let (length, rest) = input.split_at_checked(8).ok_or("a length is cut off")?;
        let length = u64::from_le_bytes(length.try_into()?) as usize;
        let (element, rest) = rest.split_at_checked(length).ok_or("an element is cut off")?;
        bytes.extend_from_slice(element);
        ends.push(bytes.len());
        input = rest;
    }
    Ok((bytes, ends))
}

fn write(array: &Array<FilesystemStore>, subset: &ArraySubset) -> Answer<()> {
    let mut input = Vec::new();
    std::io::stdin().lock().read_to_end(&mut input)?;
    let elements = if array.data_type().fixed_size().is_some() {
        ArrayBytes::new_flen(input)
    } else {
        let (bytes, ends) = split(&input)?;
        ArrayBytes::new_vlen(bytes, ArrayBytesOffsets::new(ends)?)?
    };
    Ok(array.store_array_subset(subset, elements)?)
}

fn main() -> Answer<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, command, place] = arguments.as_slice() else {
        return Err("usage: zarrs-peer read|write PLACE".into());
    };
    let array = Array::open(Arc::new(FilesystemStore::new(place)?), "/")?;
    let subset = ArraySubset::new_with_shape(array.shape().to_vec());
    match command.as_str() {
        "read" => read(&array, &subset),
        "write" => write(&array, &subset),
        other => Err(format!("unknown command {other:?}").into()),
    }
}
