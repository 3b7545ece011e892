//! Values of a key: set, added, deleted.
//!
//! Source: "Windows registry file format specification" by M. Suhanov, "Key node", "Key values list", "Key value".

use evidence::hive::{Key, NONE, PIECE, Value, u16_at, u32_at};

use super::{Image, Refusal, bins, write};

/// Places in the cell of a key.
mod key {
    pub const FLAGS: usize = 2;
    pub const WRITTEN: usize = 4;
    pub const COUNT: usize = 36;
    pub const LIST: usize = 40;
    pub const LONGEST_NAME: usize = 60;
    pub const LARGEST_DATA: usize = 64;
    /// Flag of a key whose fields for values mean something else (`KEY_PREDEF_HANDLE`).
    pub const PREDEFINED: u16 = 0x40;
}

/// Places in the cell of a value.
mod value {
    pub const SIZE: usize = 4;
    pub const DATA: usize = 8;
    pub const KIND: usize = 12;
    pub const NAME: usize = 20;
    /// Bit of the size that says that the data are in the field of their offset.
    pub const INSIDE: u32 = 0x8000_0000;
}

impl Image {
    /// Sets a value of the key of this path below the root, at this time (a `FILETIME`): its type by number, and its
    /// data. A value that is not there is made, a key is not. After an error there is no image any more.
    pub fn set(mut self, path: &str, name: &str, kind: u32, data: &[u8], at: u64) -> Result<Self, Refusal> {
        if data.len() > PIECE {
            return Err(Refusal::Large(name.to_owned()));
        }
        let (key, values) = self.look_to_change(path)?;
        let cell = match values.iter().find(|value| value.name.eq_ignore_ascii_case(name)) {
            Some(value) => value.at,
            None => self.add(&key, name)?,
        };
        self.put_data(cell, name, data)?;
        write(&mut self.bytes, bins::contents(cell) + value::KIND, &kind.to_le_bytes())?;
        self.touch(&key, name, data.len(), at)?;
        Ok(self)
    }

    /// Deletes a value of the key of this path below the root, at this time (a `FILETIME`). One that is not there is no
    /// error. After an error there is no image any more.
    pub fn delete(mut self, path: &str, name: &str, at: u64) -> Result<Self, Refusal> {
        let (key, values) = self.look_to_change(path)?;
        let Some(number) = values.iter().position(|value| value.name.eq_ignore_ascii_case(name)) else {
            return Ok(self);
        };
        let list = self.of_key(&key, key::LIST)?;
        let rest: Vec<u8> = values.iter().skip(number + 1).flat_map(|value| value.at.to_le_bytes()).collect();
        write(&mut self.bytes, bins::contents(list) + number * 4, &[rest.as_slice(), &[0; 4]].concat())?;
        let left = u32::try_from(values.len() - 1).map_err(|_| Refusal::Full)?;
        self.set_of_key(&key, key::COUNT, left)?;
        if left == 0 {
            self.set_of_key(&key, key::LIST, NONE)?;
            bins::give(&mut self.bytes, list)?;
        }
        self.give_data(&values[number])?;
        bins::give(&mut self.bytes, values[number].at)?;
        self.touch(&key, "", 0, at)?;
        Ok(self)
    }

    fn look_to_change(&self, path: &str) -> Result<(Key, Vec<Value>), Refusal> {
        let (key, values) = self.look(path)?;
        let flags = u16_at(&self.bytes, bins::contents(key.at) + key::FLAGS).unwrap_or_default();
        if flags & key::PREDEFINED != 0 {
            return Err(Refusal::Special(path.to_owned()));
        }
        Ok((key, values))
    }

    fn of_key(&self, key: &Key, field: usize) -> Result<u32, Refusal> {
        u32_at(&self.bytes, bins::contents(key.at) + field).ok_or(Refusal::Unsound(key.at, "key"))
    }

    fn set_of_key(&mut self, key: &Key, field: usize, number: u32) -> Result<(), Refusal> {
        write(&mut self.bytes, bins::contents(key.at) + field, &number.to_le_bytes())
    }

    /// Adds a value without data to a key, and returns its cell.
    fn add(&mut self, key: &Key, name: &str) -> Result<u32, Refusal> {
        let (letters, narrow) = if name.is_ascii() {
            (name.as_bytes().to_vec(), 1_u16)
        } else {
            (name.encode_utf16().flat_map(u16::to_le_bytes).collect(), 0)
        };
        let length = u16::try_from(letters.len()).map_err(|_| Refusal::Full)?;
        let cell = bins::take(&mut self.bytes, value::NAME + letters.len())?;
        let head =
            [b"vk".as_slice(), &length.to_le_bytes(), &value::INSIDE.to_le_bytes(), &[0; 8], &narrow.to_le_bytes()];
        let head = [head.concat().as_slice(), &[0; 2], &letters].concat();
        write(&mut self.bytes, bins::contents(cell), &head)?;
        let (count, list) = (self.of_key(key, key::COUNT)?, self.of_key(key, key::LIST)?);
        let list = self.longer_list(count, list)?;
        write(&mut self.bytes, bins::contents(list) + count as usize * 4, &cell.to_le_bytes())?;
        self.set_of_key(key, key::COUNT, count + 1)?;
        self.set_of_key(key, key::LIST, list)?;
        Ok(cell)
    }

    /// Returns a list with room for one value more: the one that is there, or a longer copy of it.
    fn longer_list(&mut self, count: u32, list: u32) -> Result<u32, Refusal> {
        let old = if count == 0 || list == NONE { None } else { Some(list) };
        if let Some(list) = old
            && bins::room(&self.bytes, list)? >= (count + 1) * 4
        {
            return Ok(list);
        }
        let longer = bins::take(&mut self.bytes, (count as usize + 1) * 4)?;
        if let Some(old) = old {
            let start = bins::contents(old);
            let entries = self.bytes.get(start..start + count as usize * 4).map(<[u8]>::to_vec);
            write(&mut self.bytes, bins::contents(longer), &entries.ok_or(Refusal::Unsound(old, "list of values"))?)?;
            bins::give(&mut self.bytes, old)?;
        }
        Ok(longer)
    }

    /// Puts data into a value: in the field of their offset, in the cell that it has, or in a new one.
    fn put_data(&mut self, cell: u32, name: &str, data: &[u8]) -> Result<(), Refusal> {
        let own = self.data_cell(cell, name)?;
        let size = u32::try_from(data.len()).map_err(|_| Refusal::Full)?;
        let head = bins::contents(cell);
        if data.len() <= 4 {
            let mut inside = data.to_vec();
            inside.resize(4, 0);
            write(&mut self.bytes, head + value::SIZE, &(size | value::INSIDE).to_le_bytes())?;
            write(&mut self.bytes, head + value::DATA, &inside)?;
            return own.map_or(Ok(()), |own| bins::give(&mut self.bytes, own));
        }
        let fits = own.map(|own| bins::room(&self.bytes, own)).transpose()?.is_some_and(|room| room >= size);
        let place = match own.filter(|_| fits) {
            Some(own) => own,
            None => bins::take(&mut self.bytes, data.len())?,
        };
        write(&mut self.bytes, bins::contents(place), data)?;
        write(&mut self.bytes, head + value::SIZE, &size.to_le_bytes())?;
        write(&mut self.bytes, head + value::DATA, &place.to_le_bytes())?;
        match own.filter(|own| *own != place) {
            Some(own) => bins::give(&mut self.bytes, own),
            None => Ok(()),
        }
    }

    fn give_data(&mut self, old: &Value) -> Result<(), Refusal> {
        match self.data_cell(old.at, &old.name)? {
            Some(cell) => bins::give(&mut self.bytes, cell),
            None => Ok(()),
        }
    }

    /// Returns the cell that a value's data lie in; `None` if there is none. Data in pieces are refused.
    fn data_cell(&self, cell: u32, name: &str) -> Result<Option<u32>, Refusal> {
        let head = bins::contents(cell);
        let field = |at| u32_at(&self.bytes, head + at).ok_or(Refusal::Unsound(cell, "value"));
        let (size, place) = (field(value::SIZE)?, field(value::DATA)?);
        if size & value::INSIDE != 0 || size == 0 {
            Ok(None)
        } else if size as usize > PIECE {
            Err(Refusal::Large(name.to_owned()))
        } else {
            Ok(Some(place))
        }
    }

    /// Notes in a key when it was written, and how long the names and data of its values are at most.
    fn touch(&mut self, key: &Key, name: &str, data: usize, at: u64) -> Result<(), Refusal> {
        write(&mut self.bytes, bins::contents(key.at) + key::WRITTEN, &at.to_le_bytes())?;
        // as UTF-16, whatever the name is kept in
        for (field, length) in [(key::LONGEST_NAME, name.encode_utf16().count() * 2), (key::LARGEST_DATA, data)] {
            let length = u32::try_from(length).map_err(|_| Refusal::Full)?;
            let most = self.of_key(key, field)?.max(length);
            self.set_of_key(key, field, most)?;
        }
        Ok(())
    }
}
