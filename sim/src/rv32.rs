// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

//! The management core on its bench: loads an RV32IM program and runs it until it stores to the
//! symbol `tohost`, as the RISC-V tests do: 1 for success, otherwise twice a number, plus one.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs;
use std::io;
use std::path::Path;

use object::elf;
use object::read::elf::{ElfFile32, FileHeader, ProgramHeader};
use object::{Endianness, FileKind, Object, ObjectSymbol};

/// Bytes of each of the bench's two memories.
pub const MEM_BYTES: u32 = 4 << 20;

/// First addresses of the two memories.
pub const MEM_BASES: [u32; 2] = [0, 0x8000_0000];

/// True if the bench has memory for `size` bytes from `address`.
fn in_memory(address: u32, size: u32) -> bool {
    let end = u64::from(address) + u64::from(size);
    MEM_BASES
        .iter()
        .any(|&base| address >= base && end <= u64::from(base) + u64::from(MEM_BYTES))
}

fn word_in_memory(address: u32) -> bool {
    address.is_multiple_of(4) && in_memory(address, 4)
}

/// Why a file is not a program for the bench.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The file could not be read.
    #[error("cannot read the program: {0}")]
    Io(#[from] io::Error),
    /// Not an ELF file.
    #[error("not an ELF file")]
    NotElf,
    /// An ELF file with damaged structures.
    #[error("damaged ELF file: {0}")]
    Damaged(#[from] object::read::Error),
    /// A segment's bytes are not all there.
    #[error("truncated ELF file: the segment at offset {0:#x} is not all there")]
    Truncated(u32),
    /// A 64-bit ELF file.
    #[error("a 64-bit ELF file; the core is RV32IM: build with `--target=riscv32 -march=rv32im`")]
    Elf64,
    /// Not little-endian RISC-V.
    #[error("built for another machine (ELF machine {0}), not for little-endian RISC-V (243)")]
    Machine(u16),
    /// Not a linked program.
    #[error("not an executable (ELF type {0}); link it first")]
    NotExecutable(u16),
    /// Nothing to load.
    #[error("no loadable segment")]
    Empty,
    /// The program does not fit.
    #[error(
        "segment of {size:#x} bytes at {address:#x} is outside the bench's memory, {MEM_BYTES:#x} \
         bytes at 0 and at 0x80000000"
    )]
    Segment {
        /// First byte.
        address: u32,
        /// Bytes in memory.
        size: u32,
    },
    /// The entry point cannot be executed.
    #[error("entry point {0:#x} is outside the bench's memory or not a multiple of 4")]
    Entry(u32),
    /// No way for the program to say that it is done.
    #[error("no symbol `tohost`: a program ends by storing to it (1 = success)")]
    NoTohost,
    /// `tohost` is somewhere the bench does not look.
    #[error("`tohost` is at {0:#x}, outside the bench's memory or not a multiple of 4")]
    Tohost(u32),
}

/// A program as the bench needs it.
#[derive(Debug, Clone)]
pub struct Program {
    entry: u32,
    tohost: u32,
    /// Memory that is not zero at the start: address and word.
    words: BTreeMap<u32, u32>,
    /// The ELF file's e_flags.
    flags: u32,
}

impl Program {
    /// A program of single words. It ends by storing to `tohost`.
    pub fn new(entry: u32, tohost: u32, words: BTreeMap<u32, u32>) -> Result<Self, ProgramError> {
        if !word_in_memory(entry) {
            return Err(ProgramError::Entry(entry));
        }
        if !word_in_memory(tohost) {
            return Err(ProgramError::Tohost(tohost));
        }
        match words.keys().find(|&&address| !word_in_memory(address)) {
            Some(&address) => Err(ProgramError::Segment { address, size: 4 }),
            None => Ok(Self {
                entry,
                tohost,
                words,
                flags: 0,
            }),
        }
    }

    /// Reads an ELF file.
    pub fn from_file(path: &Path) -> Result<Self, ProgramError> {
        Self::from_elf(&fs::read(path)?)
    }

    /// Takes an ELF file's bytes. Segments go to their physical addresses.
    pub fn from_elf(data: &[u8]) -> Result<Self, ProgramError> {
        match FileKind::parse(data) {
            Ok(FileKind::Elf32) => {}
            Ok(FileKind::Elf64) => return Err(ProgramError::Elf64),
            _ => return Err(ProgramError::NotElf),
        }
        let file = ElfFile32::<Endianness>::parse(data)?;
        let endian = file.endian();
        let header = file.elf_header();
        let machine = header.e_machine(endian);
        if machine != elf::EM_RISCV || endian != Endianness::Little {
            return Err(ProgramError::Machine(machine));
        }
        let kind = header.e_type(endian);
        if kind != elf::ET_EXEC && kind != elf::ET_DYN {
            return Err(ProgramError::NotExecutable(kind));
        }

        let mut words = BTreeMap::new();
        let mut empty = true;
        for segment in file.elf_program_headers() {
            let (address, size) = (segment.p_paddr(endian), segment.p_memsz(endian));
            if segment.p_type(endian) != elf::PT_LOAD || size == 0 {
                continue;
            }
            empty = false;
            let bytes = segment
                .data(endian, data)
                .map_err(|()| ProgramError::Truncated(segment.p_offset(endian)))?;
            if !in_memory(address, size) || bytes.len() > size as usize {
                return Err(ProgramError::Segment { address, size });
            }
            for (address, &byte) in (address..).zip(bytes).filter(|b| *b.1 != 0) {
                *words.entry(address & !3).or_insert(0) |= u32::from(byte) << (8 * (address % 4));
            }
        }
        if empty {
            return Err(ProgramError::Empty);
        }

        let tohost = file
            .symbols()
            .find(|s| s.name() == Ok("tohost") && !s.is_undefined())
            .ok_or(ProgramError::NoTohost)?;
        let mut program = Self::new(header.e_entry(endian), tohost.address() as u32, words)?;
        program.flags = header.e_flags(endian);
        Ok(program)
    }

    /// An extension that the program was built for and the core lacks. The program may still run:
    /// the flags are set for a whole file.
    pub fn missing_extension(&self) -> Option<&'static str> {
        if self.flags & elf::EF_RISCV_RVC != 0 {
            Some("compressed instructions")
        } else if self.flags & elf::EF_RISCV_FLOAT_ABI != 0 {
            Some("floating-point registers")
        } else {
            None
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The program stored this to `tohost`; never 0.
    ToHost(u32),
    /// The cycle limit was reached.
    CycleLimit,
    /// The program executed WFI with no interrupt to come.
    Stuck,
}

/// What a run gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// Clock cycles since reset.
    pub cycles: u64,
    /// Instructions retired.
    pub instructions: u64,
}

/// An assertion in the RTL failed.
#[derive(Debug, thiserror::Error)]
#[error("the model stopped after {cycles} cycles: {message}")]
pub struct ModelFailure {
    /// Clock cycles since reset.
    pub cycles: u64,
    /// What the model printed.
    pub message: String,
}

/// The core with a program in its memory.
#[derive(Debug)]
pub struct Bench {
    model: *mut ffi::Rv32Bench,
}

impl Bench {
    /// Loads the program and takes the core out of reset. Each memory access takes `wait` cycles
    /// more than one, at most 15.
    pub fn new(program: &Program, wait: u8) -> Self {
        // SAFETY: the functions take the pointer that `siov_rv32_new` gave.
        let model = unsafe {
            let model = ffi::siov_rv32_new();
            for (&address, &word) in &program.words {
                ffi::siov_rv32_write_word(model, address, word);
            }
            ffi::siov_rv32_start(model, program.entry, program.tohost, wait.min(15).into());
            model
        };
        Self { model }
    }

    /// Runs until the program is done, or until `max_cycles` have passed since reset.
    pub fn run(&mut self, max_cycles: u64) -> Result<Report, ModelFailure> {
        // SAFETY: `model` is live until drop and nobody else has it; the failure's text is a C
        // string that lives until the next call.
        unsafe {
            ffi::siov_rv32_run(self.model, max_cycles);
            let cycles = ffi::siov_rv32_cycles(self.model);
            let failure = ffi::siov_rv32_failure(self.model);
            if !failure.is_null() {
                let message = CStr::from_ptr(failure)
                    .to_string_lossy()
                    .trim_end()
                    .to_owned();
                return Err(ModelFailure { cycles, message });
            }
            let outcome = match ffi::siov_rv32_tohost(self.model) {
                0 if ffi::siov_rv32_stuck(self.model) => Outcome::Stuck,
                0 => Outcome::CycleLimit,
                value => Outcome::ToHost(value),
            };
            Ok(Report {
                outcome,
                cycles,
                instructions: ffi::siov_rv32_retired(self.model),
            })
        }
    }

    /// The word of memory at `address`, a multiple of 4; `None` where there is no memory.
    pub fn word(&mut self, address: u32) -> Option<u32> {
        // SAFETY: as in `run`.
        word_in_memory(address).then(|| unsafe { ffi::siov_rv32_read_word(self.model, address) })
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // SAFETY: as in `run`; last use.
        unsafe { ffi::siov_rv32_delete(self.model) }
    }
}

/// sim/cpp/rv32_shim.h.
mod ffi {
    use std::ffi::c_char;

    /// Opaque.
    #[derive(Debug)]
    #[repr(C)]
    pub struct Rv32Bench([u8; 0]);

    unsafe extern "C" {
        pub fn siov_rv32_new() -> *mut Rv32Bench;
        pub fn siov_rv32_delete(bench: *mut Rv32Bench);
        pub fn siov_rv32_write_word(bench: *mut Rv32Bench, address: u32, word: u32);
        pub fn siov_rv32_read_word(bench: *mut Rv32Bench, address: u32) -> u32;
        pub fn siov_rv32_start(bench: *mut Rv32Bench, entry: u32, tohost: u32, wait: u32);
        pub fn siov_rv32_run(bench: *mut Rv32Bench, max_cycles: u64);
        pub fn siov_rv32_tohost(bench: *const Rv32Bench) -> u32;
        pub fn siov_rv32_stuck(bench: *const Rv32Bench) -> bool;
        pub fn siov_rv32_failure(bench: *const Rv32Bench) -> *const c_char;
        pub fn siov_rv32_cycles(bench: *const Rv32Bench) -> u64;
        pub fn siov_rv32_retired(bench: *const Rv32Bench) -> u64;
    }
}
