// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why calls on the files of a VFIO device were refused.
 *
 * A file points to its device, of which there may be many files. What a call on
 * one of them is told is for nobody else, so the device has a list, with an entry
 * for each file that was ever refused something, until that is closed.
 *
 * Without memory for an entry nothing is remembered: the call fails as it does.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/lockdep.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>

#include "iommufd.h"
#include "vfio.h"

/* Room for why, as in iommufd */
#define SENTENCE_MAX 192

/* One file */
struct device_reason {
	/* in vfio_device.reasons */
	struct hlist_node	link;
	/* which; only to be compared */
	const struct file	*filep;
	/* how many calls were refused */
	unsigned long		nr_refusals;
	/* the last of them */
	char			line[IOMMUFD_REFUSAL_MAX];
};

/* Protects the lists of all devices. A leaf */
static DEFINE_SPINLOCK(device_reason_lock);

/* Is it the current user's, or one that he may look into anyway? */
static bool user_may_see(struct task_struct *task)
{
	const struct cred *cred;
	bool same;

	rcu_read_lock();
	cred = __task_cred(task);
	same = uid_eq(current_fsuid(), cred->uid) &&
	       uid_eq(current_fsuid(), cred->euid);
	rcu_read_unlock();
	return same || capable(CAP_SYS_PTRACE);
}

/**
 * vfio_describe_user() - name a process to the current one
 * @user: the process, or NULL for one that is not known
 * @text: set to what it can be called
 * @size: of @text
 *
 * /proc may be mounted so that a user sees his own processes only. So only these
 * are named, and to whoever may look at all of them, by the number in his own
 * namespace. The name is what the process has chosen.
 */
void vfio_describe_user(struct pid *user, char *text, size_t size)
{
	struct task_struct *task = get_pid_task(user, PIDTYPE_TGID);
	char comm[TASK_COMM_LEN];

	if (!task)
		strscpy(text, "a process that gave it away", size);
	else if (!pid_vnr(user) || !user_may_see(task))
		strscpy(text, "a process of another user", size);
	else
		scnprintf(text, size, "process %d (%s)", pid_vnr(user),
			  get_task_comm(comm, task));
	if (task)
		put_task_struct(task);
}

/**
 * vfio_device_describe_user() - vfio_describe_user() of who has a device
 * @device: the device
 * @text: as there
 * @size: as there
 */
void vfio_device_describe_user(struct vfio_device *device, char *text,
			       size_t size)
{
	struct pid *user = vfio_device_get_user(device);

	vfio_describe_user(user, text, size);
	put_pid(user);
}

/**
 * vfio_group_set_user() - remember who has the file of a group
 * @group: the group
 * @user: the process, or NULL
 *
 * Context: group->group_lock is held.
 */
void vfio_group_set_user(struct vfio_group *group, struct pid *user)
{
	lockdep_assert_held(&group->group_lock);

	put_pid(group->user);
	group->user = get_pid(user);
}

static struct device_reason *reason_find(struct vfio_device *device,
					 const struct file *filep)
{
	struct device_reason *reason;

	lockdep_assert_held(&device_reason_lock);
	hlist_for_each_entry(reason, &device->reasons, link)
		if (reason->filep == filep)
			return reason;
	return NULL;
}

/* The entry of a file that may have none, and then gets @new */
static struct device_reason *reason_get(struct vfio_device *device,
					const struct file *filep,
					struct device_reason **new)
{
	struct device_reason *reason = reason_find(device, filep);

	if (!reason && *new) {
		reason = *new;
		*new = NULL;
		reason->filep = filep;
		hlist_add_head(&reason->link, &device->reasons);
	}
	return reason;
}

static void reason_store(struct file *filep, const char *line)
{
	struct device_reason *new, *reason;

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	spin_lock(&device_reason_lock);
	reason = reason_get(filep->private_data, filep, &new);
	if (reason) {
		memcpy(reason->line, line, sizeof(reason->line));
		reason->nr_refusals++;
	}
	spin_unlock(&device_reason_lock);
	kfree(new);
}

/**
 * vfio_device_call_name() - what a call on a device file is called
 * @cmd: its number
 * @number: room for one that has no other name, %VFIO_CALL_NAME_MAX bytes
 *
 * Return: the name without VFIO_DEVICE_.
 */
const char *vfio_device_call_name(unsigned int cmd, char *number)
{
	switch (cmd) {
	case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
		return "ATTACH";
	case VFIO_DEVICE_DETACH_IOMMUFD_PT:
		return "DETACH";
	case VFIO_DEVICE_FEATURE:
		return "FEATURE";
	case VFIO_DEVICE_GET_INFO:
		return "GET_INFO";
	case VFIO_DEVICE_GET_IRQ_INFO:
		return "GET_IRQ_INFO";
	/* It shares its number with a call of other devices than PCI */
	case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
		return "GET_PCI_HOT_RESET_INFO";
	case VFIO_DEVICE_GET_REGION_INFO:
		return "GET_REGION_INFO";
	case VFIO_DEVICE_IOEVENTFD:
		return "IOEVENTFD";
	case VFIO_DEVICE_PCI_HOT_RESET:
		return "PCI_HOT_RESET";
	case VFIO_DEVICE_RESET:
		return "RESET";
	case VFIO_DEVICE_SET_IRQS:
		return "SET_IRQS";
	default:
		scnprintf(number, VFIO_CALL_NAME_MAX, "0x%x", cmd);
		return number;
	}
}

/**
 * vfio_device_refuse() - a call on a device file is refused for a known reason
 * @filep: the file
 * @call: name of the call
 * @ret: what it returns
 * @format: what would have to change
 *
 * Return: @ret.
 */
int vfio_device_refuse(struct file *filep, const char *call, int ret,
		       const char *format, ...)
{
	char line[IOMMUFD_REFUSAL_MAX] = "";
	char sentence[SENTENCE_MAX];
	va_list args;

	va_start(args, format);
	vscnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	iommufd_write_refusal(line, call, ret, sentence);
	reason_store(filep, line);
	return ret;
}

/**
 * vfio_device_refused() - a call on a device file was refused
 * @filep: the file
 * @call: name of the call
 * @ret: what it returns
 * @ictx: the iommufd that was to do it, and may have said why; NULL for none
 *
 * Return: @ret.
 */
int vfio_device_refused(struct file *filep, const char *call, int ret,
			struct iommufd_ctx *ictx)
{
	char line[IOMMUFD_REFUSAL_MAX] = "";

	if (ictx)
		iommufd_refused(ictx, call, ret, line);
	else
		iommufd_write_refusal(line, call, ret, NULL);
	reason_store(filep, line);
	return ret;
}

/**
 * vfio_device_show_reason() - show why the last call on a file was refused
 * @m: where
 * @filep: the file
 */
void vfio_device_show_reason(struct seq_file *m, struct file *filep)
{
	char line[IOMMUFD_REFUSAL_MAX] = "";
	struct device_reason *reason;
	unsigned long nr_refusals = 0;

	spin_lock(&device_reason_lock);
	reason = reason_find(filep->private_data, filep);
	if (reason) {
		nr_refusals = reason->nr_refusals;
		memcpy(line, reason->line, sizeof(line));
	}
	spin_unlock(&device_reason_lock);
	iommufd_show_refusal(m, nr_refusals, line);
}

/**
 * vfio_device_forget_reason() - a file is closed
 * @filep: the file, which still keeps its device
 */
void vfio_device_forget_reason(struct file *filep)
{
	struct device_reason *reason;

	spin_lock(&device_reason_lock);
	reason = reason_find(filep->private_data, filep);
	if (reason)
		hlist_del(&reason->link);
	spin_unlock(&device_reason_lock);
	kfree(reason);
}
