// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Decoder for x86-64 instructions that access memory: prefixes, general registers.
 *
 * Two tables name what each opcode does and what follows it; everything absent from them is
 * refused. Encodings are those of the Intel SDM vol. 2, appendix A.
 *
 * Try it: make test-quick (tests/core/test_decode_x86.c)
 */
#include "decode_x86_priv.h"

enum attr {
	A_B	= 0x01,		/* an even opcode has one-byte operands */
	A_REG	= 0x02,		/* to the register */
	A_I8	= 0x04,		/* an immediate byte follows */
	A_IZ	= 0x08,		/* an immediate of the operand's size, 32 bits at most, follows */
	A_NARROW = 0x10,	/* memory is one byte (even opcode) or two, the register wider */
	A_NOREP	= 0x20,		/* F2, F3 would make it another instruction */
	A_NOOPS	= 0x40,		/* so would 66 */
	A_NORM	= 0x80,		/* no ModRM byte: a string operation or MOV with an address */
};

/* Opcodes whose /reg field selects the operation; they share the number space of enum mb_op. */
enum group {
	G_ALU = MB_OP_COUNT, G_SHIFT, G_POP, G_MOV, G_F6, G_FE, G_BA, G_C7
};

struct form {
	u8 op;
	u8 attr;
};

#define ALU(n, o) \
	[(n) * 8 + 0] = { MB_OP_##o, A_B }, \
	[(n) * 8 + 1] = { MB_OP_##o, A_B }, \
	[(n) * 8 + 2] = { MB_OP_##o, A_B | A_REG }, \
	[(n) * 8 + 3] = { MB_OP_##o, A_B | A_REG }

static const struct form one_byte[256] = {
	ALU(0, ADD), ALU(1, OR), ALU(2, ADC), ALU(3, SBB),
	ALU(4, AND), ALU(5, SUB), ALU(6, XOR), ALU(7, CMP),
	[0x63] = { MB_OP_MOVSX, A_REG },
	[0x69] = { MB_OP_IMUL, A_REG | A_IZ },
	[0x6b] = { MB_OP_IMUL, A_REG | A_I8 },
	[0x80] = { G_ALU, A_B | A_I8 },
	[0x81] = { G_ALU, A_B | A_IZ },
	[0x83] = { G_ALU, A_B | A_I8 },
	[0x84] = { MB_OP_TEST, A_B }, [0x85] = { MB_OP_TEST, A_B },
	[0x86] = { MB_OP_XCHG, A_B }, [0x87] = { MB_OP_XCHG, A_B },
	[0x88] = { MB_OP_MOV, A_B }, [0x89] = { MB_OP_MOV, A_B },
	[0x8a] = { MB_OP_MOV, A_B | A_REG }, [0x8b] = { MB_OP_MOV, A_B | A_REG },
	[0x8f] = { G_POP, 0 },
	[0xa0] = { MB_OP_MOV, A_B | A_NORM | A_REG }, [0xa1] = { MB_OP_MOV, A_B | A_NORM | A_REG },
	[0xa2] = { MB_OP_MOV, A_B | A_NORM }, [0xa3] = { MB_OP_MOV, A_B | A_NORM },
	[0xa4] = { MB_OP_MOVS, A_B | A_NORM }, [0xa5] = { MB_OP_MOVS, A_B | A_NORM },
	[0xa6] = { MB_OP_CMPS, A_B | A_NORM }, [0xa7] = { MB_OP_CMPS, A_B | A_NORM },
	[0xaa] = { MB_OP_STOS, A_B | A_NORM }, [0xab] = { MB_OP_STOS, A_B | A_NORM },
	[0xac] = { MB_OP_LODS, A_B | A_NORM }, [0xad] = { MB_OP_LODS, A_B | A_NORM },
	[0xae] = { MB_OP_SCAS, A_B | A_NORM }, [0xaf] = { MB_OP_SCAS, A_B | A_NORM },
	[0xc0] = { G_SHIFT, A_B | A_I8 }, [0xc1] = { G_SHIFT, A_B | A_I8 },
	[0xc6] = { G_MOV, A_B | A_IZ }, [0xc7] = { G_MOV, A_B | A_IZ },
	[0xd0] = { G_SHIFT, A_B }, [0xd1] = { G_SHIFT, A_B },
	[0xd2] = { G_SHIFT, A_B }, [0xd3] = { G_SHIFT, A_B },
	[0xf6] = { G_F6, A_B }, [0xf7] = { G_F6, A_B },
	[0xfe] = { G_FE, A_B }, [0xff] = { G_FE, A_B },
};

#define EACH16(n, ...) \
	[(n) + 0] = __VA_ARGS__, [(n) + 1] = __VA_ARGS__, \
	[(n) + 2] = __VA_ARGS__, [(n) + 3] = __VA_ARGS__, \
	[(n) + 4] = __VA_ARGS__, [(n) + 5] = __VA_ARGS__, \
	[(n) + 6] = __VA_ARGS__, [(n) + 7] = __VA_ARGS__, \
	[(n) + 8] = __VA_ARGS__, [(n) + 9] = __VA_ARGS__, \
	[(n) + 10] = __VA_ARGS__, [(n) + 11] = __VA_ARGS__, \
	[(n) + 12] = __VA_ARGS__, [(n) + 13] = __VA_ARGS__, \
	[(n) + 14] = __VA_ARGS__, [(n) + 15] = __VA_ARGS__

static const struct form two_byte[256] = {
	EACH16(0x40, { MB_OP_CMOV, A_REG }),
	EACH16(0x90, { MB_OP_SETCC, 0 }),
	[0xa3] = { MB_OP_BT, 0 }, [0xab] = { MB_OP_BTS, 0 },
	[0xb3] = { MB_OP_BTR, 0 }, [0xbb] = { MB_OP_BTC, 0 },
	[0xaf] = { MB_OP_IMUL, A_REG },
	[0xb0] = { MB_OP_CMPXCHG, A_B }, [0xb1] = { MB_OP_CMPXCHG, A_B },
	[0xb6] = { MB_OP_MOV, A_REG | A_NARROW }, [0xb7] = { MB_OP_MOV, A_REG | A_NARROW },
	[0xba] = { G_BA, A_I8 },
	[0xbe] = { MB_OP_MOVSX, A_REG | A_NARROW }, [0xbf] = { MB_OP_MOVSX, A_REG | A_NARROW },
	[0xc0] = { MB_OP_XADD, A_B }, [0xc1] = { MB_OP_XADD, A_B },
	[0xc3] = { MB_OP_MOV, A_NOREP | A_NOOPS },
	[0xc7] = { G_C7, A_NOREP | A_NOOPS },
};

static const struct form movbe_load = { MB_OP_MOVBE, A_REG | A_NOREP };
static const struct form movbe_store = { MB_OP_MOVBE, A_NOREP };
static const struct form movdiri = { MB_OP_MOV, A_NOREP | A_NOOPS };

/* What a memory destination sees. With the register as the destination it is always a read. */
#define R MB_INSN_READ
#define W MB_INSN_WRITE
#define L MB_INSN_LOCK		/* LOCK is allowed (SDM vol. 2, LOCK) */
static const u8 traits[MB_OP_COUNT] = {
	[MB_OP_MOV] = W, [MB_OP_MOVBE] = W, [MB_OP_SETCC] = W,
	[MB_OP_ADD] = R | W | L, [MB_OP_OR] = R | W | L, [MB_OP_ADC] = R | W | L,
	[MB_OP_SBB] = R | W | L, [MB_OP_AND] = R | W | L, [MB_OP_SUB] = R | W | L,
	[MB_OP_XOR] = R | W | L, [MB_OP_CMP] = R, [MB_OP_TEST] = R,
	[MB_OP_ROL] = R | W, [MB_OP_ROR] = R | W, [MB_OP_RCL] = R | W, [MB_OP_RCR] = R | W,
	[MB_OP_SHL] = R | W, [MB_OP_SHR] = R | W, [MB_OP_SAR] = R | W,
	[MB_OP_NOT] = R | W | L, [MB_OP_NEG] = R | W | L,
	[MB_OP_INC] = R | W | L, [MB_OP_DEC] = R | W | L,
	[MB_OP_BT] = R, [MB_OP_BTS] = R | W | L, [MB_OP_BTR] = R | W | L, [MB_OP_BTC] = R | W | L,
	[MB_OP_XCHG] = R | W | L, [MB_OP_CMPXCHG] = R | W | L, [MB_OP_XADD] = R | W | L,
	[MB_OP_CMPXCHG8B] = R | W | L,
	[MB_OP_PUSH] = R, [MB_OP_POP] = W, [MB_OP_MUL1] = R, [MB_OP_IMUL1] = R,
	[MB_OP_MOVS] = R | W, [MB_OP_STOS] = W, [MB_OP_LODS] = R, [MB_OP_CMPS] = R,
	[MB_OP_SCAS] = R,
	[MB_OP_VMOV] = W, [MB_OP_VMOVL] = W, [MB_OP_VMOVH] = W,
};
#undef R
#undef W
#undef L

int mb_dec_modrm(struct mb_dec *d, struct mb_insn *in, unsigned int n8)
{
	u8 m = mb_dec_next(d), mod = m >> 6, rm = m & 7, sib;

	if (mod == 3)
		return -1;
	in->reg = (u8)(((m >> 3) & 7) | d->r);
	in->base = rm | d->b;
	if (rm == 4) {
		sib = mb_dec_next(d);
		in->base = (sib & 7) | d->b;
		in->index = ((sib >> 3) & 7) | d->x;
		in->scale = sib >> 6;
		if (in->index == MB_REG_RSP)
			in->index = MB_REG_NONE;
		if ((sib & 7) == 5 && mod == 0)
			in->base = MB_REG_NONE;
	} else if (rm == 5 && mod == 0) {
		in->base = MB_REG_RIP;
	}
	if (mod == 1)
		in->disp = mb_dec_number(d, 1) * (s64)n8;
	else if (mod == 2 || in->base == MB_REG_RIP || in->base == MB_REG_NONE)
		in->disp = mb_dec_number(d, 4);
	return (m >> 3) & 7;
}

static bool group_f6(struct mb_insn *in, int reg, u8 *attr)
{
	static const u8 ops[8] = {
		[0] = MB_OP_TEST, [2] = MB_OP_NOT, [3] = MB_OP_NEG,
		[4] = MB_OP_MUL1, [5] = MB_OP_IMUL1,
	};

	in->op = ops[reg];
	if (in->op == MB_OP_TEST)
		*attr |= A_IZ;
	return in->op != MB_OP_NONE;
}

/* PUSH has no 32-bit form: 8 bytes, or 2 with 66h. */
static void stack_size(const struct mb_dec *d, struct mb_insn *in)
{
	in->mem_size = in->reg_size = d->osize && !d->w ? 2 : 8;
}

/* Opcodes that /reg tells apart. */
static bool group(const struct mb_dec *d, struct mb_insn *in, int reg, u8 opcode, u8 *attr)
{
	switch (in->op) {
	case G_ALU:
		in->op = (u8)(MB_OP_ADD + reg);
		return true;
	case G_SHIFT:
		in->op = (u8)(MB_OP_ROL + reg);
		if (opcode == 0xd0 || opcode == 0xd1) {
			in->flags |= MB_INSN_IMM;
			in->imm = 1;
		}
		return in->op != MB_OP_SAL_;
	case G_MOV:
		in->op = MB_OP_MOV;
		return reg == 0;
	case G_POP:
		in->op = MB_OP_POP;
		stack_size(d, in);
		return reg == 0;
	case G_F6:
		return group_f6(in, reg, attr);
	case G_FE:
		if (reg == 6 && opcode == 0xff) {
			in->op = MB_OP_PUSH;
			stack_size(d, in);
			return true;
		}
		in->op = (u8)(MB_OP_INC + reg);
		return reg < 2;
	case G_BA:
		in->op = (u8)(MB_OP_BT + reg - 4);
		return reg >= 4;
	case G_C7:
		in->op = MB_OP_CMPXCHG8B;
		in->mem_size = d->w ? 16 : 8;
		if (d->w)
			in->flags |= MB_INSN_ALIGNED;
		return reg == 1;
	}
	return true;
}

static void immediate(struct mb_dec *d, struct mb_insn *in, u8 attr)
{
	unsigned int n = attr & A_I8 ? 1 : in->mem_size > 4 ? 4 : in->mem_size;

	if (!(attr & (A_I8 | A_IZ)))
		return;
	in->flags |= MB_INSN_IMM;
	in->imm = (u64)mb_dec_number(d, n);
}

static bool string_prefix(const struct mb_dec *d, struct mb_insn *in)
{
	bool compares = in->op == MB_OP_CMPS || in->op == MB_OP_SCAS;

	if (d->rep == 0xf3)
		in->flags |= MB_INSN_REP;
	else if (d->rep && compares)
		in->flags |= MB_INSN_REPNE;
	return d->rep != 0xf2 || compares;
}

/* Opcodes without ModRM: strings, and MOV between the accumulator and an absolute address. */
static bool no_modrm(struct mb_dec *d, struct mb_insn *in)
{
	in->reg = MB_REG_RAX;
	if (in->op != MB_OP_MOV)
		return string_prefix(d, in);
	in->disp = mb_dec_number(d, d->asize ? 4 : 8);
	return true;
}

static bool operands(struct mb_dec *d, struct mb_insn *in, const struct form *f, u8 opcode)
{
	u8 attr = f->attr;
	int reg;

	if (((attr & A_NOREP) && d->rep) || ((attr & A_NOOPS) && d->osize))
		return false;
	in->op = f->op;
	in->reg_size = d->w ? 8 : d->osize ? 2 : 4;
	if ((attr & A_B) && !(opcode & 1))
		in->reg_size = 1;
	in->mem_size = in->reg_size;
	if (attr & A_NARROW)
		in->mem_size = opcode & 1 ? 2 : 1;
	if (attr & A_REG)
		in->flags |= MB_INSN_TO_REG;
	if (attr & A_NORM)
		return no_modrm(d, in);

	reg = mb_dec_modrm(d, in, 1);
	if (reg < 0)
		return false;
	if (in->op >= MB_OP_COUNT) {
		in->reg = 0;
		if (!group(d, in, reg, opcode, &attr))
			return false;
	}
	immediate(d, in, attr);
	if (in->reg_size == 1 && !d->rex && in->reg >= 4) {
		in->flags |= MB_INSN_HIGH8;
		in->reg -= 4;
	}
	return true;
}

/* After 0F. */
static bool escape(struct mb_dec *d, struct mb_insn *in)
{
	u8 opcode = mb_dec_next(d);

	if (opcode == 0x38) {
		opcode = mb_dec_next(d);
		if (opcode == 0xf0)
			return operands(d, in, &movbe_load, opcode);
		if (opcode == 0xf1)
			return operands(d, in, &movbe_store, opcode);
		if (opcode == 0xf9)
			return operands(d, in, &movdiri, opcode);
		return mb_dec_vector(d, in, 2, opcode);
	}
	if (!two_byte[opcode].op)
		return mb_dec_vector(d, in, 1, opcode);
	if (!operands(d, in, &two_byte[opcode], opcode))
		return false;
	if (in->op == MB_OP_CMOV || in->op == MB_OP_SETCC)
		in->cond = opcode & 15;
	if (in->op == MB_OP_SETCC) {
		in->mem_size = in->reg_size = 1;
		in->reg = 0;		/* the CPU does not look at /reg */
	}
	return true;
}

static void apply_rex(struct mb_dec *d, u8 rex)
{
	d->rex = rex;
	d->w = rex & 8;
	d->r = (rex & 4) << 1;
	d->x = (rex & 2) << 2;
	d->b = (rex & 1) << 3;
}

/* Returns the first byte that is no prefix. It ends: past the bytes given there are zeros. */
static u8 prefixes(struct mb_dec *d)
{
	u8 rex = 0, c;

	for (;;) {
		c = mb_dec_next(d);
		switch (c) {
		case 0x26: case 0x2e: case 0x36: case 0x3e:
			break;		/* these segments have base 0 in 64-bit mode */
		case 0x64:
			d->seg = MB_SEG_FS;
			break;
		case 0x65:
			d->seg = MB_SEG_GS;
			break;
		case 0x66:
			d->osize = true;
			break;
		case 0x67:
			d->asize = true;
			break;
		case 0xf0:
			d->lock = true;
			break;
		case 0xf2: case 0xf3:
			d->rep = c;
			break;
		default:
			if ((c & 0xf0) != 0x40) {
				apply_rex(d, rex);
				return c;
			}
			rex = c;
			continue;
		}
		rex = 0;		/* it counts only directly before the opcode */
	}
}

static bool decode(struct mb_dec *d, struct mb_insn *in)
{
	u8 opcode = prefixes(d);
	bool known;

	if (opcode == 0x0f) {
		known = escape(d, in);
	} else if (opcode == 0xc4 || opcode == 0xc5 || opcode == 0x62) {
		known = mb_dec_vex(d, in, opcode);
	} else {
		known = one_byte[opcode].op && operands(d, in, &one_byte[opcode], opcode);
		if (opcode == 0x63 && in->mem_size == 8)
			in->mem_size = 4;
	}
	if (!known)
		return false;

	if (d->asize)
		in->flags |= MB_INSN_ADDR32;
	if (in->flags & MB_INSN_TO_REG)
		in->flags |= MB_INSN_READ;
	else
		in->flags |= traits[in->op] & (MB_INSN_READ | MB_INSN_WRITE);
	if (d->lock) {
		if ((in->flags & MB_INSN_TO_REG) || !(traits[in->op] & MB_INSN_LOCK))
			return false;
		in->flags |= MB_INSN_LOCK;
	}
	in->seg = d->seg;
	in->len = d->pos;
	return true;
}

int mb_decode(const u8 *bytes, size_t n, struct mb_insn *out)
{
	struct mb_dec d = { .p = bytes, .end = n < MB_INSN_MAX ? (u8)n : MB_INSN_MAX };
	bool known;

	*out = (struct mb_insn){ .base = MB_REG_NONE, .index = MB_REG_NONE };
	known = decode(&d, out);
	if (d.over)
		return n < MB_INSN_MAX ? MB_DECODE_SHORT : MB_DECODE_REFUSED;
	return known ? MB_DECODE_OK : MB_DECODE_REFUSED;
}
