/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Decoder for x86-64 instructions that access memory.
 *
 * A BAR that the model answers is not mapped, so a driver's access faults. The fault says where,
 * not what: only the instruction tells width, direction and register. This decodes one
 * instruction into a small record; emulate_x86.h carries the record out.
 *
 * Try it: make test-quick (tests/core/test_decode_x86.c, tests/core/test_decode_cpu.c)
 */
#ifndef MB_CORE_DECODE_X86_H
#define MB_CORE_DECODE_X86_H

#include "types.h"

/* The architecture's limit; a longer encoding is #GP on the CPU (SDM vol. 2 §2.3.11). */
#define MB_INSN_MAX 15

#define MB_REG_RAX 0
#define MB_REG_RCX 1
#define MB_REG_RDX 2
#define MB_REG_RBX 3
#define MB_REG_RSP 4
#define MB_REG_RSI 6
#define MB_REG_RDI 7
#define MB_REG_RIP 16	/* only as a base */
#define MB_REG_NONE 0xff

/**
 * enum mb_op - what the instruction does
 *
 * ADD … CMP and ROL … SAR are in the order of the encoding's /reg field; 6 is a hole there.
 */
enum mb_op {
	MB_OP_NONE,
	MB_OP_MOV,		/* MOV, MOVZX, MOVNTI, MOVDIRI: zero-extends when loading */
	MB_OP_MOVSX,		/* MOVSX, MOVSXD */
	MB_OP_MOVBE,
	MB_OP_ADD, MB_OP_OR, MB_OP_ADC, MB_OP_SBB, MB_OP_AND, MB_OP_SUB, MB_OP_XOR, MB_OP_CMP,
	MB_OP_ROL, MB_OP_ROR, MB_OP_RCL, MB_OP_RCR, MB_OP_SHL, MB_OP_SHR, MB_OP_SAL_, MB_OP_SAR,
	MB_OP_TEST,
	MB_OP_NOT, MB_OP_NEG, MB_OP_INC, MB_OP_DEC,
	MB_OP_BT, MB_OP_BTS, MB_OP_BTR, MB_OP_BTC,
	MB_OP_XCHG, MB_OP_CMPXCHG, MB_OP_XADD,
	MB_OP_CMPXCHG8B,	/* and CMPXCHG16B: mem_size says which */
	MB_OP_PUSH, MB_OP_POP,
	MB_OP_CMOV, MB_OP_SETCC,
	MB_OP_IMUL,		/* reg = reg * mem, or mem * imm with MB_INSN_IMM */
	MB_OP_MUL1, MB_OP_IMUL1, /* rDX:rAX = rAX * mem; AX for one byte */
	MB_OP_MOVS, MB_OP_STOS, MB_OP_LODS, MB_OP_CMPS, MB_OP_SCAS,
	MB_OP_VMOV,		/* the low mem_size bytes; a load clears the others */
	MB_OP_VMOVL, MB_OP_VMOVH, /* eight of the low 16 bytes; a load keeps the other eight */
	MB_OP_COUNT
};

/* mb_insn.flags */
#define MB_INSN_READ	0x0001	/* reads its memory operand */
#define MB_INSN_WRITE	0x0002	/* writes its memory operand; with READ: both, in that order */
#define MB_INSN_TO_REG	0x0004	/* the register is the destination, memory the source */
#define MB_INSN_IMM	0x0008	/* .imm takes the place of the source register */
#define MB_INSN_HIGH8	0x0010	/* .reg 0 … 3 means AH, CH, DH, BH */
#define MB_INSN_ADDR32	0x0020	/* 67h: effective addresses and string counts are 32 bits */
#define MB_INSN_LOCK	0x0040
#define MB_INSN_REP	0x0080	/* F3h on a string operation (REPE on CMPS, SCAS) */
#define MB_INSN_REPNE	0x0100	/* F2h on CMPS, SCAS */
#define MB_INSN_VEX	0x0200	/* VEX or EVEX: writing a register clears it above */
#define MB_INSN_ALIGNED	0x0400	/* address must be a multiple of mem_size, else #GP */

enum mb_seg { MB_SEG_NONE, MB_SEG_FS, MB_SEG_GS };

/**
 * struct mb_insn - one decoded instruction
 * @op: enum mb_op
 * @len: bytes of the whole encoding, 1 … 15
 * @flags: MB_INSN_*
 * @mem_size: bytes read from or written to memory at once: 1, 2, 4, 8, 16, 32, 64
 * @reg_size: bytes of the register operand (general registers: 1, 2, 4, 8); more than @mem_size
 *	for MOVZX and MOVSX
 * @reg: register operand, 0 … 15; vector registers 0 … 31
 * @reg2: MB_OP_VMOVL and MB_OP_VMOVH loads: the register that gives the eight bytes that are kept
 * @cond: condition code 0 … 15 of CMOVcc and SETcc
 * @base: base register, MB_REG_RIP (the address after the instruction) or MB_REG_NONE
 * @index: index register or MB_REG_NONE
 * @scale: the index is shifted left by this, 0 … 3
 * @seg: enum mb_seg; string operations: of the source at rSI
 * @disp: displacement, sign-extended
 * @imm: immediate, sign-extended
 *
 * String operations have no base and index: they use rSI and rDI.
 */
struct mb_insn {
	u8 op;
	u8 len;
	u16 flags;
	u8 mem_size;
	u8 reg_size;
	u8 reg;
	u8 reg2;
	u8 cond;
	u8 base;
	u8 index;
	u8 scale;
	u8 seg;
	s64 disp;
	u64 imm;
};

enum mb_decode_result {
	MB_DECODE_OK,
	MB_DECODE_REFUSED,	/* not an instruction this knows, or one without a memory operand */
	MB_DECODE_SHORT,	/* the bytes end inside the instruction: give more, up to 15 */
};

/**
 * mb_decode() - decode one instruction of 64-bit mode
 * @bytes: the code, from the instruction's first byte; not kept
 * @n: how many bytes may be read, any number; more than 15 are not looked at
 * @out: filled on MB_DECODE_OK, otherwise with contents of no meaning
 *
 * Return: enum mb_decode_result. Pure: no state, no allocation, any context.
 */
int mb_decode(const u8 *bytes, size_t n, struct mb_insn *out);

#endif
