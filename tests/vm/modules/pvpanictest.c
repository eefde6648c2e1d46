// SPDX-License-Identifier: MIT
/*
 * pvpanictest.c: tells whoever wants to know of a panic that there is one, and
 * goes on. It exists because after a real one nobody is left to look whether
 * the pvpanic driver's byte has reached the device.
 *
 * Try it:  tests/vm/run pvpanic
 */
#include <linux/module.h>
#include <linux/panic_notifier.h>

static int __init pvpanictest_init(void)
{
	atomic_notifier_call_chain(&panic_notifier_list, 0, "no panic, a test");
	return 0;
}
module_init(pvpanictest_init);

static void __exit pvpanictest_exit(void)
{
}
module_exit(pvpanictest_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("A panic that is none, for the test of pvpanic");
