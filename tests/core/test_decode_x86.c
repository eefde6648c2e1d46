// SPDX-License-Identifier: MIT
/*
 * The decoder's fields and its refusals.
 *
 * test_decode_cpu.c shows that decoder and emulator together equal the CPU; this shows what
 * callers see: what each encoding decodes to, that everything else is refused, and that cut-off
 * bytes are told from unknown ones.
 *
 * Try it: build/tests/core/test_decode_x86
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "decode_hex.h"
#include "decode_x86.h"

#define NO MB_REG_NONE
#define RD MB_INSN_READ
#define WR MB_INSN_WRITE
#define TO MB_INSN_TO_REG
#define IM MB_INSN_IMM
#define A32 MB_INSN_ADDR32
#define AL MB_INSN_ALIGNED
#define VX MB_INSN_VEX

struct row {
	const char *text, *hex;
	u8 op, mem, regsize, reg;
	u16 flags;
	u8 base, index, scale;
	s64 disp;
	u64 imm;
	u8 seg;
};

static const struct row rows[] = {
	{ "mov eax,[rdx]", "8b 02", MB_OP_MOV, 4, 4, 0, RD | TO, 2, NO, 0, 0, 0, 0 },
	{ "mov [rdi],esi", "89 37", MB_OP_MOV, 4, 4, 6, WR, 7, NO, 0, 0, 0, 0 },
	{ "mov rax,[rip+0x1000]", "48 8b 05 00 10 00 00", MB_OP_MOV, 8, 8, 0, RD | TO,
	  MB_REG_RIP, NO, 0, 0x1000, 0, 0 },
	{ "mov [rsp+0x20],al", "88 44 24 20", MB_OP_MOV, 1, 1, 0, WR, 4, NO, 0, 0x20, 0, 0 },
	{ "mov ah,[rdx]", "8a 22", MB_OP_MOV, 1, 1, 0, RD | TO | MB_INSN_HIGH8, 2, NO, 0, 0, 0, 0 },
	{ "mov spl,[rdx]", "40 8a 22", MB_OP_MOV, 1, 1, 4, RD | TO, 2, NO, 0, 0, 0, 0 },
	{ "mov [r8+r9*4-8],r10w", "66 47 89 54 88 f8", MB_OP_MOV, 2, 2, 10, WR, 8, 9, 2, -8, 0, 0 },
	{ "mov [r12],rax", "49 89 04 24", MB_OP_MOV, 8, 8, 0, WR, 12, NO, 0, 0, 0, 0 },
	{ "mov [r13+0],eax", "41 89 45 00", MB_OP_MOV, 4, 4, 0, WR, 13, NO, 0, 0, 0, 0 },
	{ "mov [rax+r12*2],ecx", "42 89 0c 60", MB_OP_MOV, 4, 4, 1, WR, 0, 12, 1, 0, 0, 0 },
	{ "mov [rbp*8+0x10],ecx", "89 0c ed 10 00 00 00", MB_OP_MOV, 4, 4, 1, WR, NO, 5, 3,
	  16, 0, 0 },
	{ "mov [abs],ecx", "89 0c 25 00 00 00 80", MB_OP_MOV, 4, 4, 1, WR, NO, NO, 0,
	  -0x80000000LL, 0, 0 },
	{ "mov eax,gs:[rbx]", "65 8b 03", MB_OP_MOV, 4, 4, 0, RD | TO, 3, NO, 0, 0, 0, MB_SEG_GS },
	{ "mov eax,fs:[ebx]", "64 67 8b 03", MB_OP_MOV, 4, 4, 0, RD | TO | A32, 3, NO, 0, 0, 0,
	  MB_SEG_FS },
	{ "mov dword[rdi],-1", "c7 07 ff ff ff ff", MB_OP_MOV, 4, 4, 0, WR | IM, 7, NO, 0, 0,
	  ~0ULL, 0 },
	{ "mov word[rdi],0x1234", "66 c7 07 34 12", MB_OP_MOV, 2, 2, 0, WR | IM, 7, NO, 0, 0,
	  0x1234, 0 },
	{ "mov byte[rdi],0x80", "c6 07 80", MB_OP_MOV, 1, 1, 0, WR | IM, 7, NO, 0, 0,
	  (u64)-128, 0 },
	{ "mov eax,[moffs]", "a1 88 77 66 55 44 33 22 11", MB_OP_MOV, 4, 4, 0, RD | TO, NO, NO, 0,
	  0x1122334455667788, 0, 0 },
	{ "mov [moffs32],al", "67 a2 44 33 22 11", MB_OP_MOV, 1, 1, 0, WR | A32, NO, NO, 0,
	  0x11223344, 0, 0 },
	{ "movzx eax,byte[rdx]", "0f b6 02", MB_OP_MOV, 1, 4, 0, RD | TO, 2, NO, 0, 0, 0, 0 },
	{ "movzx ebx,word[rdx]", "0f b7 1a", MB_OP_MOV, 2, 4, 3, RD | TO, 2, NO, 0, 0, 0, 0 },
	{ "movsx rbx,byte[rdx]", "48 0f be 1a", MB_OP_MOVSX, 1, 8, 3, RD | TO, 2, NO, 0, 0, 0, 0 },
	{ "movsxd rax,[rdx]", "48 63 02", MB_OP_MOVSX, 4, 8, 0, RD | TO, 2, NO, 0, 0, 0, 0 },
	{ "movnti [rdi],rax", "48 0f c3 07", MB_OP_MOV, 8, 8, 0, WR, 7, NO, 0, 0, 0, 0 },
	{ "movbe eax,[rdx]", "0f 38 f0 02", MB_OP_MOVBE, 4, 4, 0, RD | TO, 2, NO, 0, 0, 0, 0 },
	{ "movdiri [rdi],eax", "0f 38 f9 07", MB_OP_MOV, 4, 4, 0, WR, 7, NO, 0, 0, 0, 0 },
	{ "or [rdi],eax", "09 07", MB_OP_OR, 4, 4, 0, RD | WR, 7, NO, 0, 0, 0, 0 },
	{ "and eax,[rdi]", "23 07", MB_OP_AND, 4, 4, 0, RD | TO, 7, NO, 0, 0, 0, 0 },
	{ "cmp [rdi],eax", "39 07", MB_OP_CMP, 4, 4, 0, RD, 7, NO, 0, 0, 0, 0 },
	{ "lock add qword[rdi],-2", "f0 48 83 07 fe", MB_OP_ADD, 8, 8, 0,
	  RD | WR | IM | MB_INSN_LOCK, 7, NO, 0, 0, (u64)-2, 0 },
	{ "cmp dword[rip+4],7 ", "83 3d 04 00 00 00 07", MB_OP_CMP, 4, 4, 0, RD | IM,
	  MB_REG_RIP, NO,
	  0, 4, 7, 0 },
	{ "test dword[rdi],1", "f7 07 01 00 00 00", MB_OP_TEST, 4, 4, 0, RD | IM, 7, NO, 0, 0,
	  1, 0 },
	{ "test byte[rdi],1", "f6 07 01", MB_OP_TEST, 1, 1, 0, RD | IM, 7, NO, 0, 0, 1, 0 },
	{ "not dword[rdi]", "f7 17", MB_OP_NOT, 4, 4, 0, RD | WR, 7, NO, 0, 0, 0, 0 },
	{ "inc dword[rdi]", "ff 07", MB_OP_INC, 4, 4, 0, RD | WR, 7, NO, 0, 0, 0, 0 },
	{ "push qword[rdi]", "ff 37", MB_OP_PUSH, 8, 8, 0, RD, 7, NO, 0, 0, 0, 0 },
	{ "pop word[rdi]", "66 8f 07", MB_OP_POP, 2, 2, 0, WR, 7, NO, 0, 0, 0, 0 },
	{ "shl dword[rdi],1", "d1 27", MB_OP_SHL, 4, 4, 0, RD | WR | IM, 7, NO, 0, 0, 1, 0 },
	{ "sar dword[rdi],cl", "d3 3f", MB_OP_SAR, 4, 4, 0, RD | WR, 7, NO, 0, 0, 0, 0 },
	{ "bts dword[rdi],5", "0f ba 2f 05", MB_OP_BTS, 4, 4, 0, RD | WR | IM, 7, NO, 0, 0, 5, 0 },
	{ "bt [rdi],rcx", "48 0f a3 0f", MB_OP_BT, 8, 8, 1, RD, 7, NO, 0, 0, 0, 0 },
	{ "xchg [rdi],eax", "87 07", MB_OP_XCHG, 4, 4, 0, RD | WR, 7, NO, 0, 0, 0, 0 },
	{ "lock cmpxchg [rdi],ecx", "f0 0f b1 0f", MB_OP_CMPXCHG, 4, 4, 1,
	  RD | WR | MB_INSN_LOCK, 7,
	  NO, 0, 0, 0, 0 },
	{ "cmpxchg16b [rdi]", "48 0f c7 0f", MB_OP_CMPXCHG8B, 16, 8, 0, RD | WR | AL, 7, NO,
	  0, 0, 0, 0 },
	{ "setne [rdi]", "0f 95 07", MB_OP_SETCC, 1, 1, 0, WR, 7, NO, 0, 0, 0, 0 },
	{ "cmovs eax,[rdi]", "0f 48 07", MB_OP_CMOV, 4, 4, 0, RD | TO, 7, NO, 0, 0, 0, 0 },
	{ "imul eax,[rdi],100", "6b 07 64", MB_OP_IMUL, 4, 4, 0, RD | TO | IM, 7, NO, 0, 0,
	  100, 0 },
	{ "rep movsd", "f3 a5", MB_OP_MOVS, 4, 4, 0, RD | WR | MB_INSN_REP, NO, NO, 0, 0, 0, 0 },
	{ "rep stosq", "f3 48 ab", MB_OP_STOS, 8, 8, 0, WR | MB_INSN_REP, NO, NO, 0, 0, 0, 0 },
	{ "lodsb", "ac", MB_OP_LODS, 1, 1, 0, RD, NO, NO, 0, 0, 0, 0 },
	{ "repne scasw", "66 f2 af", MB_OP_SCAS, 2, 2, 0, RD | MB_INSN_REPNE, NO, NO, 0, 0, 0, 0 },
	{ "movdqu xmm1,[rdi]", "f3 0f 6f 0f", MB_OP_VMOV, 16, 16, 1, RD | TO, 7, NO, 0, 0, 0, 0 },
	{ "movaps [rdi],xmm9", "44 0f 29 0f", MB_OP_VMOV, 16, 16, 9, WR | AL, 7, NO, 0, 0, 0, 0 },
	{ "movss xmm0,[rdi]", "f3 0f 10 07", MB_OP_VMOV, 4, 16, 0, RD | TO, 7, NO, 0, 0, 0, 0 },
	{ "movq [rdi],xmm0", "66 0f d6 07", MB_OP_VMOV, 8, 16, 0, WR, 7, NO, 0, 0, 0, 0 },
	{ "movd xmm0,[rdi]", "66 0f 6e 07", MB_OP_VMOV, 4, 16, 0, RD | TO, 7, NO, 0, 0, 0, 0 },
	{ "movhps [rdi],xmm2", "0f 17 17", MB_OP_VMOVH, 8, 16, 2, WR, 7, NO, 0, 0, 0, 0 },
	{ "vmovdqu ymm0,[rsi]", "c5 fe 6f 06", MB_OP_VMOV, 32, 32, 0, RD | TO | VX, 6, NO, 0,
	  0, 0, 0 },
	{ "vmovntdq [r9],ymm8", "c4 41 7d e7 01", MB_OP_VMOV, 32, 32, 8, WR | VX | AL, 9, NO,
	  0, 0, 0, 0 },
	{ "vmovdqu64 zmm16,[rsi+0x40]", "62 e1 fe 48 6f 46 01", MB_OP_VMOV, 64, 64, 16,
	  RD | TO | VX,
	  6, NO, 0, 64, 0, 0 },
};

static void test_fields(void **state)
{
	struct mb_insn in;
	const struct row *r;
	u8 code[32];
	size_t n;

	(void)state;
	for (r = rows; r < rows + sizeof(rows) / sizeof(rows[0]); r++) {
		n = parse(r->hex, code);
		code[n] = 0xcc;
		if (mb_decode(code, n + 1, &in) != MB_DECODE_OK)
			fail_msg("%s is refused", r->text);
		if (in.op != r->op || in.len != n || in.mem_size != r->mem ||
		    in.reg_size != r->regsize || in.reg != r->reg || in.flags != r->flags ||
		    in.base != r->base || in.index != r->index || in.scale != r->scale ||
		    in.disp != r->disp || in.imm != r->imm || in.seg != r->seg)
			fail_msg("%s: op %u len %u mem %u regsize %u reg %u flags %x base %u "
				 "index %u scale %u disp %llx imm %llx seg %u", r->text, in.op,
				 in.len, in.mem_size, in.reg_size, in.reg, in.flags, in.base,
				 in.index, in.scale, (unsigned long long)in.disp,
				 (unsigned long long)in.imm, in.seg);
	}
}

static void test_cut_off(void **state)
{
	struct mb_insn in;
	const struct row *r;
	u8 code[32];
	size_t n, i;

	(void)state;
	for (r = rows; r < rows + sizeof(rows) / sizeof(rows[0]); r++) {
		n = parse(r->hex, code);
		for (i = 0; i < n; i++)
			if (mb_decode(code, i, &in) != MB_DECODE_SHORT)
				fail_msg("%s, %zu of %zu bytes: not SHORT", r->text, i, n);
	}
}

static void test_refused(void **state)
{
	static const char *const refused[] = {
		"8b c2",			/* mov eax,edx: no memory */
		"0f b6 c2", "f3 0f 6f c1",
		"90", "c3", "cc", "0f 0b", "0f 05",
		"8d 02",			/* lea: computes, does not access */
		"8e 02", "8c 02",		/* segment registers */
		"ff 17", "ff 27", "ff 1f",	/* call, jmp through memory */
		"c7 0f 00 00 00 00", "c6 0f 00",	/* /1 */
		"8f 0f", "fe 17", "f7 37", "f6 3f",	/* div, idiv */
		"f6 0f 01", "d1 37",		/* aliases the SDM does not list */
		"f0 8b 02", "f0 89 02",		/* LOCK needs a locked form … */
		"f0 03 02", "f0 39 02", "f0 0f a3 02", "f0 a4", "f0 0f 95 02", "f0 f3 0f 6f 02",
		"f2 a4", "f2 ab", "f2 ac",	/* REPNE on what does not compare */
		"6c", "6e",			/* ins, outs */
		"0f 6f 02", "0f 7f 02", "0f e7 02", "0f 6e 02",	/* MMX */
		"d9 02", "dd 1a",		/* x87 */
		"66 0f fe 02", "0f 58 02",	/* vector arithmetic */
		"66 0f c3 02", "f3 0f c3 02",	/* movnti takes no such prefix */
		"f2 0f 38 f1 02", "f2 0f 38 f0 02",	/* crc32 */
		"f3 0f b8 02", "0f a4 02 01",	/* popcnt, shld */
		"f3 0f c7 0a", "66 0f c7 0a", "0f c7 12",
		"66 c5 f9 6f 02", "f3 c5 f9 6f 02", "f0 c5 f9 6f 02", "48 c5 f9 6f 02",
		"c5 f1 6f 02",			/* vvvv must be 1111 here */
		"c5 fc 12 02",			/* vmovlps is 128 bits only */
		"c4 e0 79 6f 02", "c4 e3 79 6f 02",	/* opcode maps 0, 3 */
		"c4 e2 7d 18 02",		/* vbroadcastss */
		"62 f1 fe 49 6f 02",		/* masked */
		"62 f1 fe c8 6f 02",		/* zeroing */
		"62 f1 fe 58 6f 02",		/* broadcast */
		"62 f1 fe 68 6f 02",		/* L'L = 3 */
		"62 f1 fa 48 6f 02",		/* a fixed bit clear */
		"66 66 66 66 66 66 66 66 66 66 66 66 66 66 8b 02",	/* 16 bytes */
		"06", "27", "37", "d6", "9a", "ea",	/* not in 64-bit mode */
	};
	struct mb_insn in;
	u8 code[32];
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		n = parse(refused[i], code);
		memset(code + n, 0, sizeof(code) - n);
		if (mb_decode(code, sizeof(code), &in) != MB_DECODE_REFUSED)
			fail_msg("%s is not refused", refused[i]);
	}
}

static void test_fifteen_bytes(void **state)
{
	struct mb_insn in;
	u8 code[16];
	size_t n = parse("66 66 66 66 66 66 66 66 66 66 66 66 66 8b 02", code);

	(void)state;
	assert_int_equal(n, 15);
	assert_int_equal(mb_decode(code, n, &in), MB_DECODE_OK);
	assert_int_equal(in.len, 15);
	assert_int_equal(in.mem_size, 2);
	assert_int_equal(mb_decode(code, 0, &in), MB_DECODE_SHORT);
}

/* A REX that a legacy prefix follows is void; of several, the last counts. */
static void test_rex_position(void **state)
{
	struct mb_insn in;
	u8 code[8];
	size_t n = parse("48 66 8b 02", code);

	(void)state;
	assert_int_equal(mb_decode(code, n, &in), MB_DECODE_OK);
	assert_int_equal(in.mem_size, 2);
	n = parse("4f 48 8b 02", code);
	assert_int_equal(mb_decode(code, n, &in), MB_DECODE_OK);
	assert_int_equal(in.mem_size, 8);
	assert_int_equal(in.reg, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_fifteen_bytes),
		cmocka_unit_test(test_rex_position),
	};

	return cmocka_run_group_tests_name("decode_x86", tests, NULL, NULL);
}
