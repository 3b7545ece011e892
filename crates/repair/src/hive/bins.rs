//! Room in a hive: its bins, the cells in them, and how a cell is taken and given back.
//!
//! Source: "Windows registry file format specification" by M. Suhanov, "Hive bin" and "Cell".

use evidence::hive::{BIN, BINS, u32_at};

use super::Refusal;

/// Bytes before the first cell of a bin.
const HEAD: u32 = 32;
/// Bytes of the size that every cell begins with.
const SIZE: u32 = 4;
/// Fewest bytes of a cell, of which every cell's size is a multiple.
const UNIT: u32 = 8;
/// Most bytes of all bins together; a hive of Windows stays below two gigabytes.
const MOST: u32 = 0x7FFF_0000;
/// Place of the size of all bins in the base block.
const BINS_SIZE: usize = 40;

/// Bin or cell: its place in the hive bins, and its bytes with its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    at: u32,
    size: u32,
}

impl Span {
    fn end(self) -> u32 {
        self.at + self.size
    }
}

/// Cell of a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    span: Span,
    free: bool,
}

/// Returns the place in the file of what a cell holds.
pub(super) fn contents(cell: u32) -> usize {
    place(cell) + SIZE as usize
}

fn place(offset: u32) -> usize {
    // a file of four gigabytes is no hive, so both fit
    usize::try_from(BINS).unwrap_or_default() + offset as usize
}

/// Returns the bytes that the cell at this place can hold.
pub(super) fn room(bytes: &[u8], cell: u32) -> Result<u32, Refusal> {
    match size(bytes, cell) {
        Some(size) if size < 0 => Ok(size.unsigned_abs().saturating_sub(SIZE)),
        _ => Err(Refusal::Unsound(cell, "a cell in use")),
    }
}

fn size(bytes: &[u8], at: u32) -> Option<i32> {
    u32_at(bytes, place(at)).map(u32::cast_signed)
}

fn set_size(bytes: &mut [u8], at: u32, size: i32) -> Result<(), Refusal> {
    super::write(bytes, place(at), &size.to_le_bytes())
}

/// Checks that the bins, and the cells in each, follow each other without a gap up to their end.
pub(super) fn check(bytes: &[u8]) -> Result<(), Refusal> {
    for bin in bins(bytes)? {
        cells(bytes, bin)?;
    }
    Ok(())
}

fn bins(bytes: &[u8]) -> Result<Vec<Span>, Refusal> {
    let total = u32_at(bytes, BINS_SIZE).filter(|total| *total <= MOST).ok_or(Refusal::Foreign)?;
    let (mut at, mut found) = (0, Vec::new());
    while at < total {
        let head = bytes.get(place(at)..).filter(|head| head.starts_with(b"hbin"));
        let (Some(own), Some(size)) = (head.and_then(|head| u32_at(head, 4)), head.and_then(|head| u32_at(head, 8)))
        else {
            return Err(Refusal::Unsound(at, "a hive bin"));
        };
        if own != at || size == 0 || !size.is_multiple_of(BIN) || size > total - at || bytes.len() < place(at + size) {
            return Err(Refusal::Unsound(at, "a hive bin of that size"));
        }
        found.push(Span { at, size });
        at += size;
    }
    Ok(found)
}

fn cells(bytes: &[u8], bin: Span) -> Result<Vec<Cell>, Refusal> {
    let (mut at, mut found) = (bin.at + HEAD, Vec::new());
    while at < bin.end() {
        let length = size(bytes, at).unwrap_or_default();
        let span = Span { at, size: length.unsigned_abs() };
        if span.size < UNIT || !span.size.is_multiple_of(UNIT) || span.size > bin.end() - at {
            return Err(Refusal::Unsound(at, "a cell"));
        }
        found.push(Cell { span, free: length > 0 });
        at = span.end();
    }
    Ok(found)
}

/// Takes a cell that holds this many bytes: the smallest free one that does, else one in a new bin at the end. Its
/// bytes are zero.
pub(super) fn take(bytes: &mut Vec<u8>, holds: usize) -> Result<u32, Refusal> {
    let holds = u32::try_from(holds).ok().filter(|holds| *holds < MOST).ok_or(Refusal::Full)?;
    let wants = (holds + SIZE).next_multiple_of(UNIT);
    let mut free = None;
    for bin in bins(bytes)? {
        let fits = cells(bytes, bin)?.into_iter().filter(|cell| cell.free && cell.span.size >= wants);
        let best = fits.map(|cell| cell.span).min_by_key(|span| span.size);
        free = free.into_iter().chain(best).min_by_key(|span: &Span| span.size);
    }
    let span = match free {
        Some(span) => span,
        None => append(bytes, wants)?,
    };
    let rest = span.size - wants;
    let taken = if rest >= UNIT { wants } else { span.size };
    set_size(bytes, span.at, -taken.cast_signed())?;
    if rest >= UNIT {
        set_size(bytes, span.at + wants, rest.cast_signed())?;
    }
    let start = contents(span.at);
    let inside = bytes.get_mut(start..start + (taken - SIZE) as usize);
    inside.ok_or(Refusal::Unsound(span.at, "a cell"))?.fill(0);
    Ok(span.at)
}

/// Appends a bin with one free cell of at least this size, and returns the cell.
fn append(bytes: &mut Vec<u8>, wants: u32) -> Result<Span, Refusal> {
    let at = u32_at(bytes, BINS_SIZE).ok_or(Refusal::Foreign)?;
    let size = (wants + HEAD).next_multiple_of(BIN);
    if size > MOST - at {
        return Err(Refusal::Full);
    }
    // a file may go on behind its last bin, with bytes that mean nothing
    let (start, end) = (place(at), place(at + size));
    bytes.resize(bytes.len().max(end), 0);
    let bin = bytes.get_mut(start..end).ok_or(Refusal::Foreign)?;
    bin.fill(0);
    let head = [b"hbin".as_slice(), &at.to_le_bytes(), &size.to_le_bytes()].concat();
    super::write(bin, 0, &head)?;
    super::write(bytes, BINS_SIZE, &(at + size).to_le_bytes())?;
    let cell = Span { at: at + HEAD, size: size - HEAD };
    set_size(bytes, cell.at, cell.size.cast_signed())?;
    Ok(cell)
}

/// Gives a cell back, as one with the free ones beside it.
pub(super) fn give(bytes: &mut [u8], at: u32) -> Result<(), Refusal> {
    let bin = bins(bytes)?.into_iter().find(|bin| (bin.at..bin.end()).contains(&at));
    let cells = cells(bytes, bin.ok_or(Refusal::Unsound(at, "a cell"))?)?;
    let own = cells.iter().position(|cell| cell.span.at == at && !cell.free);
    let own = own.ok_or(Refusal::Unsound(at, "a cell in use"))?;
    let free = |number: Option<usize>| number.and_then(|number| cells.get(number)).filter(|cell| cell.free);
    let (before, after) = (free(own.checked_sub(1)), free(own.checked_add(1)));
    let start = before.map_or(at, |cell| cell.span.at);
    let end = after.map_or(cells[own].span.end(), |cell| cell.span.end());
    set_size(bytes, start, (end - start).cast_signed())
}
