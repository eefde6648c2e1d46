// SPDX-License-Identifier: MIT
/*
 * sysfs.c: configuration space of a function as Linux reads it. The kernel's
 * bus keeps it in the kernel; the way to it that needs no call of its own is
 * the function's file in sysfs, found by where its BAR stands.
 *
 * Try it:  head -c 64 /sys/bus/pci/devices/0000:00:00.0/config | od -t x1
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "sysfs.h"

#define DEVICES	"/sys/bus/pci/devices"

static bool has_bar_at(const char *name, uint64_t at)
{
	unsigned long long start, end, flags;
	char path[512];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), DEVICES "/%s/resource", name);
	f = fopen(path, "r");
	while (f && !found && fscanf(f, "%llx %llx %llx", &start, &end, &flags) == 3)
		found = start == at && end;
	if (f)
		fclose(f);
	return found;
}

/* Bytes beyond what the file has read as zero, as those of a function without them do. */
static int read_config(const char *name, uint8_t *image)
{
	char path[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), DEVICES "/%s/config", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	memset(image, 0, MB_CONFIG_SIZE);
	n = read(fd, image, MB_CONFIG_SIZE);
	close(fd);
	return n >= MB_CONFIG_CAPS ? 0 : -1;
}

int mb_sysfs_config(uint64_t bar_at, uint8_t *image)
{
	DIR *dir = opendir(DEVICES);
	struct dirent *e;
	int ret = -1;

	while (dir && ret && (e = readdir(dir)))
		if (e->d_name[0] != '.' && has_bar_at(e->d_name, bar_at))
			ret = read_config(e->d_name, image);
	if (dir)
		closedir(dir);
	return ret;
}
