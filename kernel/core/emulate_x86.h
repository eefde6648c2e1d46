/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Carries out a decoded x86-64 instruction, with a device on one side of it.
 *
 * After a fault on a BAR that the model answers, the caller decodes the instruction, fills in the
 * registers, and this performs it: what touches the device goes to the caller's mmio callback,
 * what touches ordinary memory to its mem callback, and registers and flags end up as the CPU
 * would have left them.
 *
 *	struct mb_insn insn;
 *
 *	if (mb_decode(code, n, &insn) == MB_DECODE_OK &&
 *	    mb_emulate(&insn, &cpu, &bus) == MB_EMU_DONE)
 *		... cpu holds the registers after it, rip at the next instruction
 *
 * Try it: make test-quick (tests/core/test_decode_cpu.c compares this with the CPU itself)
 */
#ifndef MB_CORE_EMULATE_X86_H
#define MB_CORE_EMULATE_X86_H

#include "decode_x86.h"

#define MB_FLAG_CF 0x0001
#define MB_FLAG_PF 0x0004
#define MB_FLAG_AF 0x0010
#define MB_FLAG_ZF 0x0040
#define MB_FLAG_SF 0x0080
#define MB_FLAG_DF 0x0400
#define MB_FLAG_OF 0x0800

/* Bytes of the widest vector register (ZMM). */
#define MB_VEC_MAX 64

/**
 * struct mb_vec_ops - the vector registers
 * @get: copies the low @size (16, 32, 64) bytes of register @reg (0 … 31) to @data
 * @set: writes the low @size bytes; with @clear_above everything above becomes zero, otherwise
 *	it stays (VEX and EVEX clear, legacy SSE keeps)
 *
 * Both return 0, or anything else to have the instruction refused with nothing changed.
 */
struct mb_vec_ops {
	int (*get)(void *ctx, unsigned int reg, u8 *data, unsigned int size);
	int (*set)(void *ctx, unsigned int reg, const u8 *data, unsigned int size,
		   bool clear_above);
};

/**
 * struct mb_cpu - the registers an instruction may use
 * @gpr: in the order of the encoding: RAX RCX RDX RBX RSP RBP RSI RDI R8 … R15
 * @rip: of the instruction; after MB_EMU_DONE of the next one
 * @rflags: arithmetic flags are changed as the CPU changes the defined ones; the rest stays
 * @fs_base: what an FS prefix adds
 * @gs_base: what a GS prefix adds
 * @vec: vector registers, or NULL: vector instructions are refused
 * @vec_ctx: passed to @vec
 * @fault_addr: set on MB_EMU_FAULT and MB_EMU_ABORTED: the address that failed
 * @fault_write: set likewise: it was a write
 */
struct mb_cpu {
	u64 gpr[16];
	u64 rip;
	u64 rflags;
	u64 fs_base;
	u64 gs_base;
	const struct mb_vec_ops *vec;
	void *vec_ctx;
	u64 fault_addr;
	bool fault_write;
};

/**
 * struct mb_bus - where accesses go
 * @mmio: a device access; 0, or anything else to give up (MB_EMU_ABORTED)
 * @mem: an access to ordinary memory; 0, or anything else for a fault (MB_EMU_FAULT)
 * @probe: optional: would @mem take a write of @size bytes now? Asked before the device is read
 *	for an instruction that stores the value in memory (MOVS, PUSH), since a fault after the
 *	read would read the device again; 0 for yes
 * @is_mmio: is this address the device's? NULL: the range below decides
 * @mmio_start: first address of the device
 * @mmio_end: first address after it
 * @max_count: elements of one REP string operation before MB_EMU_AGAIN; 0 for no limit
 * @ctx: passed to the callbacks
 *
 * @size is 1 … 8 and @data little-endian. Wider accesses come as pieces of 8 in ascending order.
 * An access that is half device, half memory is cut at the 4 KiB boundary; nothing else is cut,
 * so @size is the instruction's own, 1, 2, 4 or 8, unless the driver does that. Addresses may be
 * unaligned and, from a wild pointer, anything at all. A read-modify-write is one read and one
 * write; LOCK does not reach the bus: who needs atomicity serialises mb_emulate().
 */
struct mb_bus {
	int (*mmio)(void *ctx, u64 addr, void *data, unsigned int size, bool write);
	int (*mem)(void *ctx, u64 addr, void *data, unsigned int size, bool write);
	int (*probe)(void *ctx, u64 addr, unsigned int size);
	bool (*is_mmio)(void *ctx, u64 addr);
	u64 mmio_start;
	u64 mmio_end;
	u32 max_count;
	void *ctx;
};

/**
 * enum mb_emu_result - how it went
 * @MB_EMU_DONE: performed; RIP is at the next instruction
 * @MB_EMU_REFUSED: this cannot be performed (vector registers without mb_cpu.vec, an address the
 *	CPU would answer with #GP); nothing changed
 * @MB_EMU_FAULT: mb_bus.mem failed. Registers are as the CPU leaves them to run the instruction
 *	again: unchanged, but for a REP string operation's progress in rCX, rSI, rDI
 * @MB_EMU_ABORTED: mb_bus.mmio failed; registers as for MB_EMU_FAULT
 * @MB_EMU_AGAIN: mb_bus.max_count elements done, more to do; registers as for MB_EMU_FAULT: run
 *	the same instruction again, by calling this or by returning to it
 */
enum mb_emu_result {
	MB_EMU_DONE,
	MB_EMU_REFUSED,
	MB_EMU_FAULT,
	MB_EMU_ABORTED,
	MB_EMU_AGAIN,
};

/**
 * mb_emulate() - perform an instruction
 * @insn: from mb_decode(), MB_DECODE_OK
 * @cpu: registers before, and after
 * @bus: where accesses go
 *
 * Takes no lock and allocates nothing: any context in which the callbacks may run.
 * Return: enum mb_emu_result.
 */
int mb_emulate(const struct mb_insn *insn, struct mb_cpu *cpu, const struct mb_bus *bus);

/**
 * mb_insn_address() - the linear address of the memory operand
 * @insn: from mb_decode()
 * @cpu: registers before the instruction
 *
 * For a string operation: of the operand at rSI if there is one, else of that at rDI. BT, BTS,
 * BTR and BTC with the bit number in a register: of the bytes that hold the bit.
 */
u64 mb_insn_address(const struct mb_insn *insn, const struct mb_cpu *cpu);

#endif
