// SPDX-License-Identifier: MIT
/*
 * The decoder and the emulator against the CPU itself.
 *
 * Each case is one random instruction with random registers, flags and memory. It runs on the CPU
 * with real memory and through mb_decode() and mb_emulate() on a copy, whose middle page is "the
 * device"; registers, defined flags, memory, length and faults must agree. A mismatch prints the
 * bytes, the seed and both states.
 *
 * Try it: SEED=7 ROUNDS=1000000 build/tests/core/test_decode_cpu
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* REG_RAX and its like */
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "decode_forms.h"
#include "decode_model.h"
#include "decode_vforms.h"

static u64 rounds = 400000, seed = 0x6d6f6f6e;

/* ---- comparing ---- */

static void report(const struct kase *k, const char *what, const struct mb_cpu *cpu, int ret)
{
	unsigned int i;

	print_error("%s: %s (SEED=0x%llx)\n  bytes:", k->name, what, (unsigned long long)seed);
	for (i = 0; i < k->len; i++)
		print_error(" %02x", k->code[i]);
	print_error("\n  CPU: signal %d at 0x%llx; emulator: result %d, fault at 0x%llx\n",
		    native.trap, (unsigned long long)native.trap_addr, ret,
		    (unsigned long long)cpu->fault_addr);
	for (i = 0; i < 16; i++)
		print_error("  r%-2u before %016llx CPU %016llx emulator %016llx%s\n", i,
			    (unsigned long long)k->gpr[i], (unsigned long long)native_out.gpr[i],
			    (unsigned long long)cpu->gpr[i],
			    native_out.gpr[i] == cpu->gpr[i] ? "" : "  <--");
	print_error("  flags before %03llx CPU %03llx emulator %03llx\n",
		    (unsigned long long)native_in.flags, (unsigned long long)native_out.flags,
		    (unsigned long long)cpu->rflags);
	fail();
}

#define EXPECT(condition, what) do { if (!(condition)) report(k, what, &cpu, ret); } while (0)

/* Random memory where the operand is, the same on both sides; often what CMPXCHG looks for. */
static void fill_memory(const struct kase *k, u64 at)
{
	u64 off = at - (u64)(uintptr_t)native.data - 16;
	u64 value[2] = { k->gpr[MB_REG_RAX], k->gpr[MB_REG_RDX] };
	unsigned int i;
	u64 v;
	u8 *p;

	if (off >= DATA_SIZE - 80)
		return;
	p = native.data + off;
	for (i = 0; i < 80; i += 8) {
		v = interesting();
		memcpy(p + i, &v, 8);
	}
	if (one_in(2)) {
		memcpy(p + 16, value, 16);
		if (one_in(2))
			memcpy(p + 20, value + 1, 4);
	}
	if (one_in(4))
		memset(p, one_in(2), 80);
	memcpy(model.data + off, p, 80);
}

static void check_decode(const struct kase *k, struct mb_insn *in)
{
	struct mb_cpu cpu = { 0 };
	int ret = mb_decode(k->code, k->len, in);
	unsigned int cut = below(k->len);
	struct mb_insn none;

	EXPECT(ret == MB_DECODE_OK, "refused by the decoder");
	EXPECT(in->len == k->len, "length");
	ret = mb_decode(k->code, cut, &none);
	EXPECT(ret == MB_DECODE_SHORT, "not seen to be cut off");
}

static bool is_string(const struct mb_insn *in)
{
	return in->op >= MB_OP_MOVS && in->op <= MB_OP_SCAS;
}

/* One read, one write, of the operand's own size, unless it is wide, a string or split. */
static void check_accesses(const struct kase *k, const struct mb_insn *in,
			   const struct mb_cpu *before, const struct mb_cpu *after, int result)
{
	struct mb_cpu cpu = *after;
	u64 addr = mb_insn_address(in, before);
	int ret = result;

	EXPECT(model.odd == 0, "a bus access of wrong size or on the wrong side");
	if (in->mem_size > 8 || ret || (addr & 4095) + in->mem_size > 4096 ||
	    is_string(in) || in->op == MB_OP_PUSH || in->op == MB_OP_POP)
		return;
	EXPECT(model.reads == !!(in->flags & MB_INSN_READ), "number of bus reads");
	EXPECT(model.writes == !!(in->flags & MB_INSN_WRITE), "number of bus writes");
}

static void prepare(const struct kase *k, struct mb_cpu *cpu)
{
	u64 flags = 0x202 | (rnd() & (ARITH | MB_FLAG_DF));
	unsigned int i, j;
	u64 v;

	*cpu = (struct mb_cpu){
		.rip = native_rip(k->len), .rflags = flags, .vec = &vec_ops,
		.fs_base = native.fs_base, .gs_base = native.gs_base,
	};
	memcpy(cpu->gpr, k->gpr, sizeof(cpu->gpr));
	memcpy(native_in.gpr, k->gpr, sizeof(cpu->gpr));
	native_in.flags = flags;
	if (!k->vec)
		return;
	for (i = 0; i < 32; i++)
		for (j = 0; j < 64; j += 8) {
			v = rnd();
			memcpy(native_in.vec[i] + j, &v, 8);
		}
	memcpy(model.vec, native_in.vec, sizeof(model.vec));
}

static void check_vectors(const struct kase *k, struct mb_cpu cpu, int ret)
{
	unsigned int n = native.vec == VEC_AVX512 ? 64 : native.vec == VEC_AVX ? 32 : 16, i;

	for (i = 0; i < (n == 64 ? 32 : 16); i++)
		EXPECT(!memcmp(model.vec[i], native_out.vec[i], n), "vector registers");
}

/*
 * With 32-bit counts and addresses, CPUs differ in whether REP with no element done clears the
 * upper halves; neither the SDM nor running the instruction again depends on it.
 */
static void forget_upper_halves(struct mb_cpu *cpu)
{
	static const int regs[] = { MB_REG_RCX, MB_REG_RSI, MB_REG_RDI };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		cpu->gpr[regs[i]] = (u32)cpu->gpr[regs[i]];
		native_out.gpr[regs[i]] = (u32)native_out.gpr[regs[i]];
	}
}

/* Returns false when this CPU has not got the instruction. */
static bool compare(const struct kase *k, const struct mb_insn *in)
{
	struct mb_cpu cpu, before;
	u64 mask;
	int ret;

	prepare(k, &cpu);
	before = cpu;
	model.limit = one_in(4) ? 1 + below(8) : 0;
	native_run(k->code, k->len, k->vec ? native.vec : VEC_NONE);
	if (native.trap == SIGILL)
		return false;
	ret = emulate(in, &cpu);

	EXPECT(!native.trap == (ret == MB_EMU_DONE), "one side faulted");
	check_accesses(k, in, &before, &cpu, ret);
	if (is_string(in) && k->asize && (native.trap || !(u32)k->gpr[MB_REG_RCX]))
		forget_upper_halves(&cpu);
	EXPECT(!memcmp(cpu.gpr, native_out.gpr, sizeof(cpu.gpr)), "general registers");
	mask = ret ? ARITH : ARITH & ~undefined_flags(in, k->gpr);
	EXPECT(((cpu.rflags ^ native_out.flags) & (mask | MB_FLAG_DF)) == 0, "flags");
	if (native.trap) {
		EXPECT(native.trap_rip == before.rip, "the CPU faulted elsewhere");
		if (ret == MB_EMU_FAULT)
			EXPECT(native.trap_addr - cpu.fault_addr < 8, "fault address");
		else
			EXPECT(ret == MB_EMU_REFUSED && native.trap_addr == 0, "fault kind");
		if (in->mem_size > 8)	/* pieces before the failed one were written */
			memcpy(model.data, native.data, DATA_SIZE);
	} else {
		EXPECT(cpu.rip == before.rip + k->len, "RIP");
		if (k->vec)
			check_vectors(k, cpu, ret);
	}
	EXPECT(!memcmp(model.data, native.data, DATA_SIZE), "memory");
	return true;
}

static void run_case(const struct kase *k)
{
	struct mb_cpu cpu = { 0 };
	struct mb_insn in;
	int ret = 0;

	check_decode(k, &in);
	fill_memory(k, k->target);
	EXPECT(compare(k, &in), "the CPU has no such instruction");
}

/* ---- the tests ---- */

static void general_form(const struct gform *f, u64 n)
{
	struct mb_insn in;
	struct kase k;

	while (n) {
		if (!make_general(&k, f))
			continue;
		if (k.len > MB_INSN_MAX) {
			assert_int_equal(mb_decode(k.code, k.len, &in), MB_DECODE_REFUSED);
			continue;
		}
		run_case(&k);
		n--;
	}
}

static void test_general(void **state)
{
	const struct gform *f;
	struct gform one;
	unsigned int v;

	(void)state;
	native_catch();
	for (f = gforms; f < gforms + GFORMS; f++)
		for (v = 0; v == 0 || v < f->variants; v++) {
			one = gform_variant(f, v);
			if (gform_runs_here(&one))
				general_form(&one, rounds / 300 + 1);
		}
}

static void test_mov_absolute(void **state)
{
	struct kase k;
	u64 i;

	(void)state;
	native_catch();
	for (i = 0; i < rounds / 100 + 1; i++) {
		make_moffs(&k);
		run_case(&k);
	}
}

static void test_strings(void **state)
{
	struct kase k;
	u64 i;

	(void)state;
	native_catch();
	for (i = 0; i < rounds / 10 + 1; i++) {
		make_string(&k);
		fill_memory(&k, k.gpr[MB_REG_RDI]);
		run_case(&k);
	}
}

static void vector_form(const struct vtest *v, int encoding, u64 n)
{
	struct kase k;

	if (!(v->encodings & encoding) || (encoding == EN_VEX && native.vec < VEC_AVX) ||
	    (encoding == EN_EVEX && native.vec < VEC_AVX512) ||
	    ((v->flags & VF_BW) && !native.avx512bw))
		return;
	while (n)
		if (make_vector(&k, v, encoding) && k.len <= MB_INSN_MAX) {
			run_case(&k);
			n--;
		}
}

static void test_vectors(void **state)
{
	unsigned int i, e;

	(void)state;
	native_catch();
	for (i = 0; i < VTESTS; i++)
		for (e = EN_SSE; e <= EN_EVEX; e <<= 1)
			vector_form(&vtests[i], (int)e, rounds / 5 / VTESTS / 3 + 1);
}

/* Bytes that look like code often enough. */
static void random_bytes(struct kase *k)
{
	static const u8 prefix[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x65, 0x2e };
	static const u8 escape[] = { 0x0f, 0x0f, 0xc5, 0xc4, 0x62 };
	unsigned int i;

	*k = (struct kase){ .name = "random bytes", .vec = true };
	for (i = 0; i < 16; i++)
		k->gpr[i] = interesting();
	while (one_in(3))
		if (k->len < 6)
			put(k, prefix[below(sizeof(prefix))]);
	if (one_in(2))
		put(k, (u8)(0x40 | below(16)));
	if (one_in(2)) {
		put(k, escape[below(sizeof(escape))]);
		if (one_in(4))
			put(k, 0x38);
	}
	while (k->len < MB_INSN_MAX)
		put(k, (u8)rnd());
}

/* Registers for what was decoded; false: the encoding itself holds the address. */
static bool aim_decoded(struct kase *k, const struct mb_insn *in)
{
	u64 dest;

	k->len = in->len;
	k->base = in->base;
	k->index = in->index;
	k->scale = in->scale;
	k->seg = in->seg;
	k->asize = in->flags & MB_INSN_ADDR32;
	k->disp = in->disp;
	k->target = random_target();
	if (in->op == MB_OP_BT || in->op == MB_OP_BTS || in->op == MB_OP_BTR || in->op == MB_OP_BTC)
		k->gpr[in->reg] &= in->flags & MB_INSN_IMM ? ~0ULL : 0x3ff;
	if (in->flags & MB_INSN_ALIGNED)
		k->target &= ~(u64)(in->mem_size - 1);
	if (in->op >= MB_OP_MOVS && in->op <= MB_OP_SCAS) {
		dest = random_target();
		k->gpr[MB_REG_RSI] = k->target - seg_base(k);
		k->gpr[MB_REG_RDI] = dest;
		k->gpr[MB_REG_RCX] = below(20);
		return true;
	}
	if (in->op == MB_OP_PUSH || in->op == MB_OP_POP) {
		k->gpr[MB_REG_RSP] = random_target();
		if (k->base == MB_REG_RSP)
			return false;
	}
	if (k->base > 15 && k->index > 15)
		return false;
	if (!aim(k))
		return false;
	/* A bit number in a register that is also part of the address: far away. */
	return (in->op < MB_OP_BT || in->op > MB_OP_BTC || (in->flags & MB_INSN_IMM) ||
		(in->reg != in->base && in->reg != in->index));
}

/* What the decoder takes, the CPU takes too, and does the same. */
static void test_random_bytes(void **state)
{
	bool all_here = native.movbe && native.cx16 && native.movdiri && native.avx512bw &&
			native.vec == VEC_AVX512;
	struct mb_cpu cpu = { 0 };
	u64 i, ran = 0, missing = 0;
	struct kase kase, *k = &kase;
	struct mb_insn in;
	int ret = 0;

	(void)state;
	native_catch();
	for (i = 0; i < rounds; i++) {
		random_bytes(k);
		if (mb_decode(k->code, k->len, &in) != MB_DECODE_OK || !aim_decoded(k, &in))
			continue;
		k->vec = in.op >= MB_OP_VMOV;
		fill_memory(k, k->target);
		if (compare(k, &in)) {
			ran++;
			continue;
		}
		EXPECT(!all_here, "the CPU has no such instruction");
		missing++;
		memcpy(model.data, native.data, DATA_SIZE);
	}
	print_message("# random bytes: %llu of %llu were instructions the decoder takes, "
		      "%llu of them not on this CPU\n", (unsigned long long)(ran + missing),
		      (unsigned long long)rounds, (unsigned long long)missing);
	assert_true(ran > rounds / 1000);
}

static u64 env_number(const char *name, u64 otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 0) : otherwise;
}

static int setup(void **state)
{
	unsigned int i;

	(void)state;
	native_init();
	for (i = 0; i < DATA_SIZE; i++)
		native.data[i] = model.data[i] = (u8)rnd();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_general),
		cmocka_unit_test(test_mov_absolute),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_random_bytes),
	};

	seed = env_number("SEED", seed);
	rounds = env_number("ROUNDS", rounds);
	rnd_state = seed ? seed : 1;
	print_message("# SEED=0x%llx ROUNDS=%llu\n", (unsigned long long)seed,
		      (unsigned long long)rounds);
	return cmocka_run_group_tests_name("decode_cpu", tests, setup, NULL);
}
