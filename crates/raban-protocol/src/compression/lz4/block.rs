//! Writes LZ4 blocks, finding matches as LZ4's own fast compressor does: one candidate for each place, and longer steps where
//! there are none.
//!
//! Not by lz4_flex: its table remembers 4,096 places, too few for batches. Four times as many still fit the processor's nearest
//! cache: the same speed for a tenth fewer bytes.

/// Places that are remembered, in 32 KiB.
const PLACES: usize = 1 << 14;
/// Bytes that the hash of a place covers: more than a match needs, since longer matches are worth more.
const HASHED: u32 = 5;
/// Spreads them well (xxHash's).
const MULTIPLIER: u64 = 0x9E37_79B1_85EB_CA87;

const MIN_MATCH: usize = 4;
/// The format: the last five bytes of a block are literals, and no match starts in its last twelve.
const LAST_LITERALS: usize = 5;
const NO_MATCH_STARTS: usize = 12;
/// What half a token holds of a length; more follows in bytes.
const IN_TOKEN: usize = 15;
/// After 2^6 places without a match steps get longer by one, and so on.
const PATIENCE: u32 = 6;
/// So many literals are copied by one instruction; what wasn't meant is overwritten.
const AT_ONCE: usize = 16;

/// Compresses `input` to the start of `out` and tells how many bytes that took.
///
/// # Panics
///
/// If `out` is shorter than incompressible input can get.
pub(super) fn compress(input: &[u8], out: &mut [u8]) -> usize {
    let mut out = Output { bytes: out, at: 0 };
    let literals_at = match input.len().checked_sub(NO_MATCH_STARTS) {
        Some(last_start) => put_matches(input, last_start, &mut out),
        None => 0,
    };
    let literals = &input[literals_at..];
    let token = out.put_token(literals.len());
    out.put(literals);
    out.complete(token, 0);
    out.at
}

/// Writes all matches, each behind its literals, and tells where the literals behind the last one start.
fn put_matches(input: &[u8], last_start: usize, out: &mut Output<'_>) -> usize {
    let matches_until = input.len() - LAST_LITERALS;
    let mut seen = Seen(Box::new([0; PLACES]));
    let mut literals_at = 0;
    let mut at = 0;
    loop {
        let mut tries = 1 << PATIENCE;
        let back = loop {
            if at > last_start {
                return literals_at;
            }
            let bytes = eight(input, at);
            let back = seen.exchange(bytes, at);
            if back != 0 && back <= at && eight(input, at - back) as u32 == bytes as u32 {
                break back;
            }
            at += tries >> PATIENCE;
            tries += 1;
        };
        let mut start = at;
        while start > literals_at && start > back && input[start - 1] == input[start - 1 - back] {
            start -= 1;
        }
        let end = end_of_match(input, at + MIN_MATCH, back, matches_until);
        out.put_match(input, literals_at..start, back, end - start);
        literals_at = end;
        at = end;
        if at <= last_start {
            seen.exchange(eight(input, at - 2), at - 2);
        }
    }
}

/// Where the bytes of a hash were seen last, modulo 64 KiB, which is how far back matches reach.
///
/// Other bytes of the same hash take the place, so what is found has to be compared.
struct Seen(Box<[u16; PLACES]>);

impl Seen {
    /// How far before `at` the bytes there were perhaps seen last; from now on that is `at`.
    #[inline(always)]
    fn exchange(&mut self, bytes: u64, at: usize) -> usize {
        let hash = (bytes << (64 - 8 * HASHED)).wrapping_mul(MULTIPLIER);
        let place = &mut self.0[(hash >> (64 - PLACES.trailing_zeros())) as usize];
        let back = (at as u16).wrapping_sub(*place);
        *place = at as u16;
        usize::from(back)
    }
}

/// Where, from `at` on, the bytes aren't those `back` before any more; `until` at the latest.
#[inline(always)]
fn end_of_match(input: &[u8], mut at: usize, back: usize, until: usize) -> usize {
    while at + 8 <= until {
        let different = eight(input, at) ^ eight(input, at - back);
        if different != 0 {
            return at + (different.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < until && input[at] == input[at - back] {
        at += 1;
    }
    at
}

#[inline(always)]
fn eight(input: &[u8], at: usize) -> u64 {
    // Nobody asks so near the end that there are fewer.
    chunk(input, at).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// One check of bounds, where slicing first would take two.
#[inline(always)]
fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..at + N)?.first_chunk()
}

struct Output<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

/// A token that lacks the length of its match.
struct Token {
    at: usize,
    literals: usize,
}

impl Output<'_> {
    #[inline(always)]
    fn put_match(
        &mut self,
        input: &[u8],
        literals: std::ops::Range<usize>,
        back: usize,
        len: usize,
    ) {
        let token = self.put_token(literals.len());
        let room = self.bytes.get_mut(self.at..self.at + AT_ONCE);
        match (room, chunk::<AT_ONCE>(input, literals.start)) {
            (Some(room), Some(chunk)) if literals.len() <= AT_ONCE => {
                room.copy_from_slice(chunk);
                self.at += literals.len();
            }
            _ => self.put(&input[literals]),
        }
        self.put(&(back as u16).to_le_bytes());
        self.put_rest(len - MIN_MATCH);
        self.complete(token, len - MIN_MATCH);
    }

    #[inline(always)]
    fn put_token(&mut self, literals: usize) -> Token {
        let at = self.at;
        self.at += 1;
        self.put_rest(literals);
        Token { at, literals }
    }

    #[inline(always)]
    fn complete(&mut self, token: Token, len: usize) {
        let [high, low] = [token.literals, len].map(|len| len.min(IN_TOKEN) as u8);
        self.bytes[token.at] = high << 4 | low;
    }

    /// What half a token can't hold of a length.
    #[inline(always)]
    fn put_rest(&mut self, len: usize) {
        if let Some(mut rest) = len.checked_sub(IN_TOKEN) {
            while rest >= 255 {
                self.put(&[255]);
                rest -= 255;
            }
            self.put(&[rest as u8]);
        }
    }

    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }
}
