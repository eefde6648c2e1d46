// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c: the module and the node /dev/pciem. What a call on the node means is
 * in session.c (life), ioctl.c (requests) and the file that serves it.
 *
 * Try it:  make module && tools/lab -- ls -l /dev/pciem
 */
#define pr_fmt(fmt) fmt
#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "pciem.h"

static char *pciem_phys_region = "";
module_param(pciem_phys_region, charp, 0444);
MODULE_PARM_DESC(pciem_phys_region, "accepted and not needed: no memory is reserved");

static char *p2p_regions = "";
module_param(p2p_regions, charp, 0444);
MODULE_PARM_DESC(p2p_regions, "accepted; transfers between devices are not supported");

static int pciem_open(struct inode *inode, struct file *f)
{
	struct pciem_session *s;

	/* A device reaches memory: who may open this could do anything anyway. */
	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	s = pciem_session_open();
	if (IS_ERR(s))
		return PTR_ERR(s);
	f->private_data = s;
	return nonseekable_open(inode, f);
}

static int pciem_release(struct inode *inode, struct file *f)
{
	pciem_session_close(f->private_data);
	return 0;
}

/* Neither has anything to say: events come by the ring, and no request waits for write(). */
static ssize_t pciem_read(struct file *f, char __user *buf, size_t n, loff_t *pos)
{
	return -EINVAL;
}

static ssize_t pciem_write(struct file *f, const char __user *buf, size_t n, loff_t *pos)
{
	return -EINVAL;
}

static __poll_t pciem_poll(struct file *f, struct poll_table_struct *pt)
{
	struct pciem_session *s = f->private_data;

	return READ_ONCE(s->native) ? pciem_queue_poll(s, f, pt) : 0;
}

/* A mapping holds the session's memory and not the node: closing the node removes the device,
 * whoever still has mapped what.
 */
static int hold_memory_only(struct pciem_session *s, struct vm_area_struct *vma)
{
	struct file *f = anon_inode_getfile("pciem-memory", &pciem_bars_fops, s, O_RDWR);

	if (IS_ERR(f))
		return PTR_ERR(f);
	pciem_session_get(s);
	vma_set_file(vma, f);
	fput(f);
	return 0;
}

static int pciem_mmap(struct file *f, struct vm_area_struct *vma)
{
	struct pciem_session *s = f->private_data;
	int ret = hold_memory_only(s, vma);
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 bar = offset >> 40;

	if (ret)
		return ret;
	if (bar)
		return bar > MB_NR_BARS ? -EINVAL :
		       pciem_bar_mmap(s, vma, bar - 1, offset - PCIEM_MMAP_BAR(bar - 1));
	if (READ_ONCE(s->native))
		return pciem_queue_mmap(s, vma, offset);
	return pciem_compat_mmap(s, vma);
}

static const struct file_operations pciem_fops = {
	.owner = THIS_MODULE,
	.open = pciem_open,
	.release = pciem_release,
	.read = pciem_read,
	.write = pciem_write,
	.poll = pciem_poll,
	.mmap = pciem_mmap,
	.unlocked_ioctl = pciem_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice pciem_node = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "pciem",
	.fops = &pciem_fops,
	.mode = 0600,
};

static int __init pciem_module_init(void)
{
	int ret;

	if (*pciem_phys_region)
		pr_info("pciem: pciem_phys_region is not needed, BARs take no memory\n");
	if (*p2p_regions)
		pr_info("pciem: p2p_regions is not supported\n");
	ret = pciem_session_init();
	if (ret)
		return ret;
	ret = pciem_dma_init();
	if (ret)
		goto no_dma;
	ret = pciem_trap_init();
	if (ret)
		goto no_trap;
	ret = misc_register(&pciem_node);
	if (ret)
		goto no_node;
	return 0;

no_node:
	pciem_trap_exit();
no_trap:
	pciem_dma_exit();
no_dma:
	pciem_session_exit();
	return ret;
}

static void __exit pciem_module_exit(void)
{
	misc_deregister(&pciem_node);
	pciem_trap_exit();
	pciem_dma_exit();
	pciem_session_exit();
}

module_init(pciem_module_init);
module_exit(pciem_module_exit);
MODULE_DESCRIPTION("PCIe devices whose other side is a process");
MODULE_LICENSE("GPL");
