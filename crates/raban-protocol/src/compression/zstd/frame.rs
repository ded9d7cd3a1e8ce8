//! How much Zstandard frames can hold at most, from the headers of frames and blocks alone (RFC 8878, 3.1).

const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// The magic numbers of skippable frames differ in the lowest four bits.
const SKIPPABLE: u32 = 0x184D_2A50;
/// What one block may hold, if the window isn't smaller.
const MAX_BLOCK_LEN: u64 = 128 * 1024;

const CONTENT_CHECKSUM: u8 = 0x04;
const SINGLE_SEGMENT: u8 = 0x20;

/// The most bytes that all frames in `input` can decompress to, whatever is in their blocks.
pub(super) fn max_content_len(input: &[u8]) -> Result<usize, &'static str> {
    let mut rest = input;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let magic: [u8; 4] = take(&mut rest)?;
        if u32::from_le_bytes(magic) & !0xf == SKIPPABLE {
            let len = u32::from_le_bytes(take(&mut rest)?);
            skip(&mut rest, u64::from(len))?;
        } else if magic == MAGIC {
            total = total.saturating_add(frame(&mut rest)?);
        } else {
            return Err("it isn't a Zstandard frame");
        }
    }
    Ok(usize::try_from(total).unwrap_or(usize::MAX))
}

/// Reads one frame after its magic number: the content size that it says, or the sum of its blocks if that is less.
fn frame(rest: &mut &[u8]) -> Result<u64, &'static str> {
    let [descriptor] = take(rest)?;
    let single_segment = descriptor & SINGLE_SEGMENT != 0;
    let window = if single_segment {
        None
    } else {
        let [window] = take(rest)?;
        let base = 1_u64 << (10 + (window >> 3));
        Some(base + base / 8 * u64::from(window & 7))
    };
    let dictionary_id_len = [0, 1, 2, 4][usize::from(descriptor & 3)];
    skip(rest, dictionary_id_len)?;
    let content_len = match descriptor >> 6 {
        0 if single_segment => Some(u64::from(u8::from_le_bytes(take(rest)?))),
        0 => None,
        1 => Some(u64::from(u16::from_le_bytes(take(rest)?)) + 256),
        2 => Some(u64::from(u32::from_le_bytes(take(rest)?))),
        _ => Some(u64::from_le_bytes(take(rest)?)),
    };
    let max_block_len = window
        .or(content_len)
        .unwrap_or(MAX_BLOCK_LEN)
        .min(MAX_BLOCK_LEN);
    let blocks_len = blocks(rest, max_block_len)?;
    if descriptor & CONTENT_CHECKSUM != 0 {
        skip(rest, 4)?;
    }
    Ok(content_len.map_or(blocks_len, |len| len.min(blocks_len)))
}

/// Reads the blocks of a frame up to the last one: the sum of what each can hold.
fn blocks(rest: &mut &[u8], max_block_len: u64) -> Result<u64, &'static str> {
    let mut total = 0_u64;
    loop {
        let [low, middle, high] = take(rest)?;
        let header = u32::from_le_bytes([low, middle, high, 0]);
        let size = u64::from(header >> 3);
        let content_len = match (header >> 1) & 3 {
            0 => {
                skip(rest, size)?;
                size
            }
            1 => {
                skip(rest, 1)?;
                size
            }
            2 => {
                skip(rest, size)?;
                max_block_len
            }
            _ => return Err("a block has an unknown type"),
        };
        if content_len > MAX_BLOCK_LEN {
            return Err("a block is larger than blocks may be");
        }
        total = total.saturating_add(content_len);
        if header & 1 != 0 {
            return Ok(total);
        }
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], &'static str> {
    let (taken, after) = rest.split_first_chunk().ok_or("the frame ends early")?;
    *rest = after;
    Ok(*taken)
}

fn skip(rest: &mut &[u8], len: u64) -> Result<(), &'static str> {
    *rest = usize::try_from(len)
        .ok()
        .and_then(|len| rest.get(len..))
        .ok_or("the frame ends early")?;
    Ok(())
}
