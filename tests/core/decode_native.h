/* SPDX-License-Identifier: MIT */
/*
 * Runs one instruction on this CPU with every register chosen, and catches what it does.
 *
 * The other half of the comparison in test_decode_cpu.c: the emulator's result is right when it
 * equals this one. The instruction runs from a page below 2 GiB, so that RIP-relative, absolute
 * and 32-bit addresses all reach the data; a jump through memory follows it, which needs no
 * register, no flag and no stack. A fault returns here too, with the registers it left.
 *
 * Try it: make test-quick
 */
#ifndef MB_TEST_DECODE_NATIVE_H
#define MB_TEST_DECODE_NATIVE_H

#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "decode_x86.h"

enum { VEC_NONE, VEC_SSE, VEC_AVX, VEC_AVX512 };

struct native_regs {
	u64 gpr[16];		/* offset 0 */
	u64 flags;		/* 128 */
	u64 pad[7];
	u8 vec[32][64];		/* 192 */
};

/* Touched by the assembly below, hence the plain names. */
__attribute__((used, visibility("hidden"), aligned(64))) struct native_regs native_in, native_out;
__attribute__((used, visibility("hidden"))) u64 native_rsp, native_code, native_vec;
void native_enter(void) __attribute__((visibility("hidden")));
extern const char native_back[] __attribute__((visibility("hidden")));
extern const char native_bail[] __attribute__((visibility("hidden")));

#define ALL16 "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"
#define ALL32 ALL16 ",16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31"

__asm__(
".text\n"
".macro native_gprs op\n"
"	\\op 0x00, rax\n	\\op 0x08, rcx\n	\\op 0x10, rdx\n	\\op 0x18, rbx\n"
"	\\op 0x20, rsp\n	\\op 0x28, rbp\n	\\op 0x30, rsi\n	\\op 0x38, rdi\n"
"	\\op 0x40, r8\n	\\op 0x48, r9\n	\\op 0x50, r10\n	\\op 0x58, r11\n"
"	\\op 0x60, r12\n	\\op 0x68, r13\n	\\op 0x70, r14\n	\\op 0x78, r15\n"
".endm\n"
".macro native_load off, reg\n	mov native_in+\\off(%rip), %\\reg\n.endm\n"
".macro native_save off, reg\n	mov %\\reg, native_out+\\off(%rip)\n.endm\n"
".globl native_enter\n.hidden native_enter\n.type native_enter, @function\n"
"native_enter:\n"
"	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
"	pushfq\n"
"	mov %rsp, native_rsp(%rip)\n"
"	cmpl $1, native_vec(%rip)\n"
"	jb 9f\n	je 1f\n"
"	cmpl $3, native_vec(%rip)\n"
"	je 3f\n"
"	.irp n," ALL16 "\n	vmovdqu native_in+192+64*\\n(%rip), %ymm\\n\n	.endr\n"
"	jmp 9f\n"
"1:	.irp n," ALL16 "\n	movdqu native_in+192+64*\\n(%rip), %xmm\\n\n	.endr\n"
"	jmp 9f\n"
"3:	.irp n," ALL32 "\n	vmovdqu64 native_in+192+64*\\n(%rip), %zmm\\n\n	.endr\n"
"9:	push native_in+128(%rip)\n"
"	popfq\n"
"	native_gprs native_load\n"
"	jmp *native_code(%rip)\n"
".globl native_back\n.hidden native_back\n"
"native_back:\n"
"	native_gprs native_save\n"
"	mov native_rsp(%rip), %rsp\n"
"	pushfq\n"
"	pop native_out+128(%rip)\n"
"	cmpl $1, native_vec(%rip)\n"
"	jb 9f\n	je 1f\n"
"	cmpl $3, native_vec(%rip)\n"
"	je 3f\n"
"	.irp n," ALL16 "\n	vmovdqu %ymm\\n, native_out+192+64*\\n(%rip)\n	.endr\n"
"	vzeroupper\n"
"	jmp 9f\n"
"1:	.irp n," ALL16 "\n	movdqu %xmm\\n, native_out+192+64*\\n(%rip)\n	.endr\n"
"	jmp 9f\n"
"3:	.irp n," ALL32 "\n	vmovdqu64 %zmm\\n, native_out+192+64*\\n(%rip)\n	.endr\n"
"	vzeroupper\n"
"9:	cld\n"
".globl native_bail\n.hidden native_bail\n"
"native_bail:\n"
"	mov native_rsp(%rip), %rsp\n"
"	popfq\n"
"	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	pop %rbx\n"
"	ret\n"
".size native_enter, .-native_enter\n");

#define DATA_PAGES 3
#define DATA_SIZE (DATA_PAGES * 4096)

static struct {
	u8 *code;		/* a page below 2 GiB; the instruction ends at its middle */
	u8 *data;		/* DATA_SIZE bytes below 2 GiB between unmapped pages */
	int vec;		/* VEC_*: the most this CPU has */
	bool movbe, cx16, movdiri, avx512bw;
	u64 fs_base, gs_base;
	volatile sig_atomic_t inside;
	int trap;		/* the signal that ended the last run, or 0 */
	u64 trap_addr, trap_rip;
} native;

static void native_signal(int sig, siginfo_t *info, void *context)
{
	static const int order[16] = {
		REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
		REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
	};
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
	int i;

	if (!native.inside) {		/* our own bug: die of it */
		signal(sig, SIG_DFL);
		return;
	}
	for (i = 0; i < 16; i++)
		native_out.gpr[i] = (u64)g[order[i]];
	native_out.flags = (u64)g[REG_EFL];
	native.trap = sig;
	native.trap_addr = (u64)(uintptr_t)info->si_addr;
	native.trap_rip = (u64)g[REG_RIP];
	g[REG_RIP] = (greg_t)(uintptr_t)native_bail;
	g[REG_EFL] &= ~0x400;
}

/* Below 2 GiB, and at the same place in every run, so that a seed repeats its cases. */
static void *low_pages(size_t bytes, int prot)
{
	static char *at = (char *)0x40000000;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	void *p;

	for (; at < (char *)0x7f000000; at += 0x1000000) {
		p = mmap(at, bytes, prot, flags, -1, 0);
		if (p == at) {
			at += 0x1000000;
			return p;
		}
		if (p != MAP_FAILED)
			munmap(p, bytes);
	}
	perror("mmap below 2 GiB");
	exit(1);
}

static void native_cpu_features(void)
{
	unsigned int a, b, c, d, xcr0 = 0, hi;

	__cpuid(1, a, b, c, d);
	native.movbe = c >> 22 & 1;
	native.cx16 = c >> 13 & 1;
	native.vec = VEC_SSE;
	if (c >> 27 & 1)
		__asm__ volatile("xgetbv" : "=a"(xcr0), "=d"(hi) : "c"(0));
	if ((c >> 28 & 1) && (xcr0 & 6) == 6)
		native.vec = VEC_AVX;
	if (__get_cpuid_max(0, NULL) < 7)
		return;
	__cpuid_count(7, 0, a, b, c, d);
	native.movdiri = c >> 27 & 1;
	native.avx512bw = b >> 30 & 1;
	if ((b >> 16 & 1) && (b >> 31 & 1) && (xcr0 & 0xe6) == 0xe6 && native.vec == VEC_AVX)
		native.vec = VEC_AVX512;
}

/* To be called first in each test: cmocka installs handlers of its own before it. */
static void native_catch(void)
{
	static const int sigs[] = { SIGSEGV, SIGILL, SIGBUS, SIGTRAP, SIGFPE };
	struct sigaction sa = {
		.sa_sigaction = native_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK,
	};
	size_t i;

	for (i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		sigaction(sigs[i], &sa, NULL);
}

static void native_init(void)
{
	stack_t ss = { .ss_size = 65536 };
	u64 fs = 0;

	ss.ss_sp = low_pages(ss.ss_size, PROT_READ | PROT_WRITE);
	sigaltstack(&ss, NULL);
	native.code = low_pages(4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	native.data = low_pages(DATA_SIZE + 2 * 65536, PROT_NONE) + 65536;
	mprotect(native.data, DATA_SIZE, PROT_READ | PROT_WRITE);
	native_cpu_features();
	/* GS belongs to nobody in user space here; below the data, so that 32 bits reach it. */
	native.gs_base = (u64)(uintptr_t)native.data - 0x12345;
	syscall(SYS_arch_prctl, ARCH_SET_GS, native.gs_base);
	syscall(SYS_arch_prctl, ARCH_GET_FS, &fs);
	native.fs_base = fs;
}

/* Where an instruction of @len bytes will lie: it always ends at the same address. */
static u64 native_rip(unsigned int len)
{
	return (u64)(uintptr_t)native.code + 2048 - len;
}

/* Runs it from native_in to native_out; native.trap says whether it faulted. */
static void native_run(const u8 *insn, unsigned int len, int vec)
{
	static const u8 jump[6] = { 0xff, 0x25, 0, 0, 0, 0 };	/* jmp *0(%rip) */
	u8 *end = native.code + 2048;
	u64 back = (u64)(uintptr_t)native_back;

	memcpy(end - len, insn, len);
	memcpy(end, jump, sizeof(jump));
	memcpy(end + sizeof(jump), &back, 8);
	native_code = native_rip(len);
	native_vec = (u64)vec;
	native.trap = 0;
	native.inside = 1;
	native_enter();
	native.inside = 0;
}

#endif
