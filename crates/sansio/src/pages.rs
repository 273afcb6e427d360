use alloc::vec::Vec;

/// A list that grows without moving what it holds, for tables that may become large.
///
/// A `Vec` that is full copies itself into twice the memory and then stands half empty. This one adds a page: the
/// first for 8 elements, each of the next twice as long, and from 1024 elements on all of that length. At most one
/// page is partly empty.
///
/// ```
/// let mut pages = sansio::Pages::new();
/// assert_eq!(pages.push('a'), 0);
/// assert_eq!(pages.push('b'), 1);
/// assert_eq!(pages.get(1), Some(&'b'));
/// assert_eq!(pages.get(2), None);
/// ```
#[derive(Debug)]
pub struct Pages<T> {
    pages: Vec<Vec<T>>,
    len: usize,
}

impl<T> Pages<T> {
    /// An empty list, without memory.
    pub const fn new() -> Self {
        Self {
            pages: Vec::new(),
            len: 0,
        }
    }

    /// Elements.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an element and tells its index.
    pub fn push(&mut self, element: T) -> usize {
        let index = self.len;
        let (page, _) = place(index);
        if page == self.pages.len() {
            self.pages.push(Vec::with_capacity(page_len(page)));
        }
        if let Some(page) = self.pages.get_mut(page) {
            page.push(element);
            self.len = index.saturating_add(1);
        }
        index
    }

    /// The element with this index.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        let (page, offset) = place(index);
        self.pages.get(page)?.get(offset)
    }

    /// The element with this index, to be changed.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        let (page, offset) = place(index);
        self.pages.get_mut(page)?.get_mut(offset)
    }

    /// All elements, in the order of their indexes.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }

    /// The elements from this index on; it costs nothing to begin far behind.
    pub fn iter_from(&self, index: usize) -> impl Iterator<Item = &T> {
        (index..self.len).map_while(|index| self.get(index))
    }

    /// Drops all elements and the memory.
    pub fn clear(&mut self) {
        self.pages = Vec::new();
        self.len = 0;
    }
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Elements of the first page.
const FIRST: usize = 8;
const FIRST_BITS: u32 = FIRST.ilog2();
/// Elements of the longest page.
const LONGEST: usize = 1024;
const LONGEST_BITS: u32 = LONGEST.ilog2();
/// Pages that are shorter.
const SHORTER: usize = (LONGEST_BITS - FIRST_BITS) as usize;

/// Page and place in it.
#[inline]
const fn place(index: usize) -> (usize, usize) {
    // Counted from FIRST, a short page begins at its own length, and a long one at a multiple of its length.
    let index = index.saturating_add(FIRST);
    if index >= LONGEST {
        return (
            SHORTER
                .saturating_add(index >> LONGEST_BITS)
                .saturating_sub(1),
            index & (LONGEST - 1),
        );
    }
    let bits = index.ilog2();
    ((bits - FIRST_BITS) as usize, index - (1 << bits))
}

const fn page_len(page: usize) -> usize {
    if page >= SHORTER {
        LONGEST
    } else {
        FIRST << page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_where_it_was_put() {
        let mut pages = Pages::new();
        for number in 0..10_000 {
            assert_eq!(pages.push(number), number);
        }
        for number in 0..10_000 {
            assert_eq!(pages.get(number), Some(&number));
        }
        assert_eq!((pages.get(10_000), pages.len()), (None, 10_000));
        assert!(pages.iter().copied().eq(0..10_000));
        assert!(pages.iter_from(1500).copied().eq(1500..10_000));
        assert_eq!(pages.iter_from(usize::MAX).next(), None);
        let lengths: Vec<_> = pages.pages.iter().map(Vec::capacity).collect();
        assert_eq!(lengths[..9], [8, 16, 32, 64, 128, 256, 512, 1024, 1024]);
        for page in &pages.pages[..pages.pages.len() - 1] {
            assert_eq!(page.len(), page.capacity(), "only the last is partly empty");
        }
        pages.clear();
        assert!(pages.is_empty() && pages.get(0).is_none() && pages.pages.capacity() == 0);
    }

    #[test]
    fn indexes_that_no_memory_holds() {
        let mut pages = Pages::new();
        pages.push(());
        assert_eq!(pages.get(usize::MAX), None);
        assert_eq!(pages.get_mut(u32::MAX as usize), None);
    }
}
