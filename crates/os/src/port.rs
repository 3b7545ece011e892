//! TCP ports on which programs listen, with their processes.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_INSUFFICIENT_BUFFER, ERROR_NO_MORE_FILES, HANDLE, INVALID_HANDLE_VALUE, NO_ERROR,
};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GetExtendedTcpTable, MIB_TCP6ROW_OWNER_PID, MIB_TCPROW_OWNER_PID, TCP_TABLE_OWNER_PID_LISTENER,
};
use windows_sys::Win32::Networking::WinSock::{AF_INET, AF_INET6};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};

/// Most bytes of a table.
const LARGEST: u32 = 16 * 1024 * 1024;
/// Most tries for a table that grows meanwhile.
const TRIES: usize = 8;
/// Most processes.
const PROCESSES: usize = 100_000;
/// Bytes before the rows of a table: their number, and for addresses of IPv6 nothing else (iprtrmib.h).
const HEAD: usize = size_of::<u32>();

/// TCP port on which a program listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening {
    /// Address that it listens on; the unspecified one for all.
    pub address: IpAddr,
    /// Its number.
    pub port: u16,
    /// Number of the process; 0 where Windows does not tell.
    pub process: u32,
}

/// Lists the ports on which programs listen, over IPv4 and IPv6.
pub fn listening() -> io::Result<Vec<Listening>> {
    let four = rows::<MIB_TCPROW_OWNER_PID>(AF_INET)?.into_iter().map(|row| Listening {
        // both are kept as they are sent
        address: Ipv4Addr::from(row.dwLocalAddr.to_ne_bytes()).into(),
        port: port(row.dwLocalPort),
        process: row.dwOwningPid,
    });
    let six = rows::<MIB_TCP6ROW_OWNER_PID>(AF_INET6)?.into_iter().map(|row| Listening {
        address: Ipv6Addr::from(row.ucLocalAddr).into(),
        port: port(row.dwLocalPort),
        process: row.dwOwningPid,
    });
    Ok(four.chain(six).collect())
}

/// Reads a port: two bytes as they are sent, in the lower half of the number.
fn port(number: u32) -> u16 {
    let [high, low, ..] = number.to_le_bytes();
    u16::from_be_bytes([high, low])
}

/// Row of such a table: plain numbers, of which any bytes make one.
trait Row: Copy {}
impl Row for MIB_TCPROW_OWNER_PID {}
impl Row for MIB_TCP6ROW_OWNER_PID {}

fn rows<R: Row>(family: u16) -> io::Result<Vec<R>> {
    let bytes = table(family)?;
    let Some((count, rest)) = bytes.split_first_chunk::<HEAD>() else { return Ok(Vec::new()) };
    let count = u32::from_ne_bytes(*count) as usize;
    let rows = rest.chunks_exact(size_of::<R>()).take(count).map(|row| {
        // SAFETY: the chunk is as long as a row, which any bytes make; it may lie at any address
        unsafe { row.as_ptr().cast::<R>().read_unaligned() }
    });
    Ok(rows.collect())
}

/// Returns the bytes of the table of sockets that listen.
fn table(family: u16) -> io::Result<Vec<u8>> {
    let mut bytes: Vec<u8> = Vec::new();
    for _ in 0..TRIES {
        let mut size = u32::try_from(bytes.len()).unwrap_or(LARGEST);
        let place = if bytes.is_empty() { null_mut() } else { bytes.as_mut_ptr().cast() };
        // SAFETY: the place is `size` bytes long, or null with 0
        let answer =
            unsafe { GetExtendedTcpTable(place, &raw mut size, 0, u32::from(family), TCP_TABLE_OWNER_PID_LISTENER, 0) };
        match answer {
            NO_ERROR => {
                bytes.truncate(size as usize);
                return Ok(bytes);
            }
            ERROR_INSUFFICIENT_BUFFER if size <= LARGEST => bytes.resize(size as usize, 0),
            ERROR_INSUFFICIENT_BUFFER => return Err(io::Error::other(format!("a table of {size} bytes"))),
            other => return Err(io::Error::from_raw_os_error(other.cast_signed())),
        }
    }
    Err(io::Error::other("the table of ports grew with every try"))
}

/// Handle of a list of processes, closed with this value.
struct Snapshot(HANDLE);

impl Drop for Snapshot {
    fn drop(&mut self) {
        // SAFETY: the handle was opened by `processes` and is closed only here
        unsafe { CloseHandle(self.0) };
    }
}

/// Lists the processes: the file names of their programs by their numbers. It takes no rights on them.
pub fn processes() -> io::Result<BTreeMap<u32, String>> {
    // SAFETY: the call takes two numbers
    let handle = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    let snapshot = Snapshot(handle);
    let mut entry = PROCESSENTRY32W { dwSize: size_of::<PROCESSENTRY32W>() as u32, ..PROCESSENTRY32W::default() };
    let mut processes = BTreeMap::new();
    // SAFETY: the list is open, and the entry says how long it is
    let mut more = unsafe { Process32FirstW(snapshot.0, &raw mut entry) };
    while more != 0 && processes.len() < PROCESSES {
        let name = entry.szExeFile;
        let end = name.iter().position(|unit| *unit == 0).unwrap_or(name.len());
        processes.insert(entry.th32ProcessID, String::from_utf16_lossy(&name[..end]));
        // SAFETY: as above
        more = unsafe { Process32NextW(snapshot.0, &raw mut entry) };
    }
    let error = io::Error::last_os_error();
    let ended = more != 0 || error.raw_os_error() == Some(ERROR_NO_MORE_FILES.cast_signed());
    if ended { Ok(processes) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_of_our_own_is_listed() {
        let own = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        let told = listening().unwrap();
        let found = told.iter().find(|one| one.port == address.port() && one.address == address.ip());
        // Wine 8 does not tell the process
        assert!(found.is_some_and(|one| [0, std::process::id()].contains(&one.process)), "{told:?}");
        assert!(own.port() == address.port() || !told.iter().any(|one| one.port == own.port()), "{told:?}");
    }

    #[test]
    fn this_process_is_listed_by_its_file() {
        let own = std::env::current_exe().unwrap();
        let name = own.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(processes().unwrap().get(&std::process::id()), Some(&name));
    }

    #[test]
    fn a_port_is_read_as_it_is_sent() {
        assert_eq!(port(0x0000_3D0D), 3389);
        assert_eq!(port(0xFFFF_3D0D), 3389);
    }
}
