// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel users of what is mapped: they pin pages to keep them, or read and
 * write bytes in passing, and let go when a mapping is to be removed.
 *
 * A mapping counts its users. The count is raised under mapped_space.lock while
 * the mapping is live, so that a remover either finds the user or the user
 * finds the mapping draining and is refused. Pins are of page ranges: the
 * IOVA and the memory of the mapping must agree on where a page begins.
 *
 * A pin belongs to the client that made it. Others, who may have pinned the
 * same pages, can neither undo it nor are they asked to.
 */
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "mapped_client.h"
#include "mapping.h"
#include "user_memory.h"

/* How often the users of a mapping are asked to let go, and how long each. */
#define DRAIN_ROUNDS 100
#define DRAIN_WAIT (HZ / 20 ?: 1)

/**
 * struct client_pin - one range that a client pinned; under mapped_space.lock
 * @rb: in mapping.pins, in order of @range, then of @client
 * @link: in mapped_client.pinned
 * @mapping: immutable
 * @client: immutable
 * @range: pages of the memory; immutable
 * @nr_users: how often
 * @nr_requests: how often @client was asked to let go because it leaves
 */
struct client_pin {
	struct rb_node rb;
	struct list_head link;
	struct mapping *mapping;
	struct mapped_client *client;
	struct page_range range;
	unsigned int nr_users;
	unsigned int nr_requests;
};

/**
 * struct mapping_part - what a request has of one mapping
 * @mapping: the mapping, which has a user for the request
 * @offset: of the first byte in its memory
 * @length: bytes
 */
struct mapping_part {
	struct mapping *mapping;
	u64 offset;
	u64 length;
};

static struct page_range part_pages(const struct mapping_part *part)
{
	return (struct page_range){
		.first = part->offset >> PAGE_SHIFT,
		.last = (part->offset + part->length - 1) >> PAGE_SHIFT,
	};
}

#define pin_of(node) rb_entry_safe(node, struct client_pin, rb)

/* Where @left comes before @right: less than 0. */
static int pin_compare(const struct client_pin *left,
		       const struct client_pin *right)
{
	if (left->range.first != right->range.first)
		return left->range.first < right->range.first ? -1 : 1;
	if (left->range.last != right->range.last)
		return left->range.last < right->range.last ? -1 : 1;
	if (left->client != right->client)
		return left->client < right->client ? -1 : 1;
	return 0;
}

static int pin_compare_key(const void *key, const struct rb_node *node)
{
	return pin_compare(key, rb_entry(node, const struct client_pin, rb));
}

static bool pin_less(struct rb_node *left, const struct rb_node *right)
{
	return pin_compare_key(pin_of(left), right) < 0;
}

/* The pin of @key's client and range. */
static struct client_pin *pin_find(struct mapped_space *space,
				   struct mapping *mapping,
				   const struct client_pin *key)
{
	lockdep_assert_held(&space->lock);
	return pin_of(rb_find(key, &mapping->pins, pin_compare_key));
}

/*
 * The first pin after @key, which need not exist any more: rb_find() and its
 * neighbours find what is equal.
 */
static struct client_pin *pin_after(struct mapped_space *space,
				    struct mapping *mapping,
				    const struct client_pin *key)
{
	struct rb_node *rb = mapping->pins.rb_node;
	struct client_pin *after = NULL;

	lockdep_assert_held(&space->lock);
	while (rb) {
		if (pin_compare_key(key, rb) < 0) {
			after = pin_of(rb);
			rb = rb->rb_left;
		} else {
			rb = rb->rb_right;
		}
	}
	return after;
}

static void pin_insert(struct mapped_space *space, struct client_pin *new)
{
	lockdep_assert_held(&space->lock);
	rb_add(&new->rb, &new->mapping->pins, pin_less);
	ledger_add(new->mapping->memory->charge.ledger, LEDGER_PINS, 1);
	list_add_tail(&new->link, &new->client->pinned);
}

static void pin_free(struct mapped_space *space, struct client_pin *pin)
{
	lockdep_assert_held(&space->lock);
	rb_erase(&pin->rb, &pin->mapping->pins);
	list_del(&pin->link);
	ledger_add(pin->mapping->memory->charge.ledger, LEDGER_PINS, -1);
	kfree(pin);
}

/* The IOVA of what is pinned, and how many bytes. */
static u64 pin_iova(const struct client_pin *pin, u64 *length)
{
	const struct mapping *mapping = pin->mapping;
	u64 start = max((u64)pin->range.first << PAGE_SHIFT, mapping->offset);
	u64 end = min(((u64)pin->range.last + 1) << PAGE_SHIFT,
		      mapping->offset + iova_area_length(&mapping->area));

	*length = end - start;
	return mapping->area.start + (start - mapping->offset);
}

/*
 * Ask for each pin of a mapping once. Pins that come up while others are being
 * asked for may be passed over.
 */
static void request_mapping(struct mapped_space *space, struct mapping *mapping)
{
	struct client_pin asked = {};

	down_read(&space->clients_lock);
	for (;;) {
		struct client_pin *pin;
		u64 iova, length;

		mutex_lock(&space->lock);
		pin = pin_after(space, mapping, &asked);
		if (pin) {
			asked = *pin;
			iova = pin_iova(pin, &length);
		}
		mutex_unlock(&space->lock);
		if (!pin)
			break;
		asked.client->unmap(asked.client, iova, length);
	}
	up_read(&space->clients_lock);
}

/*
 * Choose one of the pins of @client, each in turn; @again when it was asked for
 * before. One that was asked for often enough is forgotten, but its pages stay
 * pinned, and the mapping in use: so they are by the client for all we know.
 */
static bool choose_request(struct mapped_space *space,
			   struct mapped_client *client, u64 *iova, u64 *length,
			   bool *again)
{
	struct client_pin *pin;

	mutex_lock(&space->lock);
	while ((pin = list_first_entry_or_null(&client->pinned,
					       struct client_pin, link)) &&
	       pin->nr_requests++ == DRAIN_ROUNDS) {
		WARN_ONCE(1, "iommufd: a driver keeps pages of an address space that it leaves\n");
		pin_free(space, pin);
	}
	if (pin) {
		list_move_tail(&pin->link, &client->pinned);
		*iova = pin_iova(pin, length);
		*again = pin->nr_requests > 1;
	}
	mutex_unlock(&space->lock);
	return pin;
}

/**
 * mapped_client_add() - A client comes
 * @space: what it reaches
 * @client: has pinned nothing yet
 *
 * Return: 0; -EADDRINUSE when it pins and a mapping is not page aligned; -EINTR
 * after a fatal signal.
 */
int mapped_client_add(struct mapped_space *space, struct mapped_client *client)
{
	return client->pins ? mapped_space_count_pinning(space, 1) : 0;
}

/* Undo mapped_client_add() before anything is pinned. */
void mapped_client_withdraw(struct mapped_space *space,
			    struct mapped_client *client)
{
	if (client->pins)
		mapped_space_count_pinning(space, -1);
}

/**
 * mapped_client_remove() - A client leaves
 * @space: where it was added
 * @client: pins nothing more; is asked to let go of what it has pinned
 *
 * Waits for calls of @client in progress.
 *
 * Context: no lock that @client may need to let go.
 */
void mapped_client_remove(struct mapped_space *space,
			  struct mapped_client *client)
{
	u64 iova, length;
	bool again;

	if (!client->pins)
		return;
	while (choose_request(space, client, &iova, &length, &again)) {
		if (again)
			schedule_timeout_uninterruptible(DRAIN_WAIT);
		client->unmap(client, iova, length);
	}
	down_write(&space->clients_lock);
	up_write(&space->clients_lock);
	mapped_client_withdraw(space, client);
}

/**
 * mapping_drain() - Wait until no kernel user has a mapping
 * @space: where it is
 * @mapping: in state draining, which refuses new users
 *
 * Context: no lock that pin and unpin, or a driver's unmap callback, may need.
 * Return: 0; -EDEADLK when a user does not let go.
 */
int mapping_drain(struct mapped_space *space, struct mapping *mapping)
{
	unsigned int round;
	bool kept;

	for (round = 0; round != DRAIN_ROUNDS; round++) {
		request_mapping(space, mapping);
		if (wait_var_event_timeout(&mapping->nr_users,
					   !atomic_read(&mapping->nr_users),
					   DRAIN_WAIT))
			return 0;
	}
	/* A user without a pin is still waiting for pages, which others bring. */
	mutex_lock(&space->lock);
	kept = !RB_EMPTY_ROOT(&mapping->pins);
	mutex_unlock(&space->lock);
	WARN_ONCE(kept, "iommufd: a driver keeps pages of a mapping that goes away\n");
	return -EDEADLK;
}

static void mapping_put_user(struct mapping *mapping)
{
	/* Only the address counts: the mapping may be gone by now. */
	if (atomic_dec_and_test(&mapping->nr_users))
		wake_up_var(&mapping->nr_users);
}

static int part_check(struct mapped_space *space,
		      const struct mapping_part *part, int prot)
{
	const struct mapping *mapping = part->mapping;

	lockdep_assert_held(&space->lock);
	switch (mapping->area.state) {
	case IOVA_AREA_LIVE:
		break;
	case IOVA_AREA_BUILDING:
	case IOVA_AREA_READY:
		return -ENOENT;
	default:
		return -EINVAL;
	}
	if (prot & ~mapping->prot)
		return -EPERM;
	return 0;
}

/*
 * Become a user of the mapping at @iova, for at most @length bytes. The caller
 * releases @part with mapping_put_user().
 */
static int part_get(struct mapped_space *space, u64 iova, u64 length, int prot,
		    struct mapping_part *part)
{
	struct iova_area *area;
	int ret = -ENOENT;

	mutex_lock(&space->lock);
	area = iova_space_first(&space->iova, iova, iova);
	if (area) {
		part->mapping = container_of(area, struct mapping, area);
		part->offset = part->mapping->offset + (iova - area->start);
		part->length = min(length, area->last - iova + 1);
		ret = part_check(space, part, prot);
		if (!ret)
			atomic_inc(&part->mapping->nr_users);
	}
	mutex_unlock(&space->lock);
	return ret;
}

/* Where a page of IOVA is a page of the memory, and no other mapping's. */
static bool part_is_paged(const struct mapping_part *part, u64 iova,
			  bool is_first, bool is_last)
{
	u64 end = part->offset + part->length;

	return offset_in_page(part->offset) == offset_in_page(iova) &&
	       (is_first || !offset_in_page(part->offset)) &&
	       (is_last || !offset_in_page(end));
}

/* Remember @new, which is used or freed. */
static void pin_record(struct mapped_space *space, struct client_pin *new)
{
	struct client_pin *pin;

	mutex_lock(&space->lock);
	pin = pin_find(space, new->mapping, new);
	if (pin)
		pin->nr_users++;
	else
		pin_insert(space, new);
	mutex_unlock(&space->lock);
	if (pin)
		kfree(new);
}

static int collect_pages(const struct page_run *run, void *data)
{
	struct page ***next = data;
	unsigned long i;

	for (i = 0; i != run->nr_pages; i++)
		*(*next)++ = pfn_to_page(run->pfn + i);
	return 0;
}

static int part_pin(struct mapped_space *space, struct mapped_client *client,
		    const struct mapping_part *part, struct page ***next)
{
	struct user_memory *memory = part->mapping->memory;
	struct client_pin *pin;
	int ret;

	pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);
	if (!pin)
		return -ENOMEM;
	pin->mapping = part->mapping;
	pin->client = client;
	pin->range = part_pages(part);
	pin->nr_users = 1;
	ret = user_memory_pin(memory, pin->range);
	if (ret) {
		kfree(pin);
		return ret;
	}
	user_memory_walk(memory, pin->range, collect_pages, next);
	pin_record(space, pin);
	return 0;
}

/**
 * mapped_client_pin() - Keep pages for a kernel user
 * @space: where they are mapped
 * @client: the user, which pins
 * @iova: first byte
 * @length: bytes, at least 1; @iova + @length - 1 does not wrap
 * @prot: IOMMU_READ, IOMMU_WRITE: what the user does with them
 * @pages: set to the pages that the range touches
 *
 * Return: 0; -ENOENT when not all is mapped; -EPERM when a mapping does not
 * allow it; -EINVAL when pages of IOVA are not pages of memory, or a mapping is
 * being removed; an errno of user_memory_pin().
 */
int mapped_client_pin(struct mapped_space *space, struct mapped_client *client,
		      u64 iova, u64 length, int prot, struct page **pages)
{
	u64 done = 0;
	int ret;

	while (done != length) {
		struct mapping_part part;

		ret = part_get(space, iova + done, length - done, prot, &part);
		if (ret)
			goto err_unpin;
		if (part_is_paged(&part, iova + done, !done,
				  done + part.length == length))
			ret = part_pin(space, client, &part, &pages);
		else
			ret = -EINVAL;
		if (ret) {
			mapping_put_user(part.mapping);
			goto err_unpin;
		}
		/* The pin is a user from now on. */
		done += part.length;
		cond_resched();
	}
	return 0;

err_unpin:
	if (done)
		mapped_client_unpin(space, client, iova, done);
	return ret;
}

/*
 * Forget one pin in the mapping at @iova, for at most @length bytes. The length
 * of @part is 0 where nothing is mapped, its mapping NULL where @client has no
 * such pin. Else the pages are still pinned and the mapping in use.
 */
static void part_forget(struct mapped_space *space,
			struct mapped_client *client, u64 iova, u64 length,
			struct mapping_part *part)
{
	struct client_pin key = { .client = client };
	struct client_pin *pin;
	struct iova_area *area;

	*part = (struct mapping_part){};
	mutex_lock(&space->lock);
	area = iova_space_first(&space->iova, iova, iova);
	if (!area)
		goto out_unlock;
	part->mapping = container_of(area, struct mapping, area);
	part->offset = part->mapping->offset + (iova - area->start);
	part->length = min(length, area->last - iova + 1);
	key.range = part_pages(part);
	pin = pin_find(space, part->mapping, &key);
	if (!pin)
		part->mapping = NULL;
	else if (!--pin->nr_users)
		pin_free(space, pin);
out_unlock:
	mutex_unlock(&space->lock);
}

/**
 * mapped_client_unpin() - Undo mapped_client_pin()
 * @space: where
 * @client: who
 * @iova: as then
 * @length: as then
 *
 * What is not pinned is passed over: some drivers let go of a range without
 * knowing whether they have it.
 */
void mapped_client_unpin(struct mapped_space *space,
			 struct mapped_client *client, u64 iova, u64 length)
{
	u64 done = 0;

	while (done != length) {
		struct mapping_part part;

		part_forget(space, client, iova + done, length - done, &part);
		if (!part.length)
			return;
		if (part.mapping) {
			user_memory_unpin(part.mapping->memory,
					  part_pages(&part));
			mapping_put_user(part.mapping);
		}
		done += part.length;
		cond_resched();
	}
}

/**
 * struct copy - bytes on their way between a buffer and pages
 * @buffer: the rest of the buffer
 * @left: bytes
 * @offset: of the first byte in its page
 * @write: from the buffer to the pages
 */
struct copy {
	void *buffer;
	u64 left;
	unsigned int offset;
	bool write;
};

static int copy_run(const struct page_run *run, void *data)
{
	struct copy *copy = data;
	unsigned long i;

	for (i = 0; i != run->nr_pages; i++) {
		struct page *page = pfn_to_page(run->pfn + i);
		size_t length = min_t(u64, PAGE_SIZE - copy->offset,
				      copy->left);

		if (copy->write)
			memcpy_to_page(page, copy->offset, copy->buffer,
				       length);
		else
			memcpy_from_page(copy->buffer, page, copy->offset,
					 length);
		copy->buffer += length;
		copy->left -= length;
		copy->offset = 0;
		cond_resched();
	}
	return 0;
}

static int part_copy(const struct mapping_part *part, void *buffer, bool write)
{
	struct copy copy = {
		.buffer = buffer,
		.left = part->length,
		.offset = offset_in_page(part->offset),
		.write = write,
	};

	return user_memory_look(part->mapping->memory, part_pages(part),
				copy_run, &copy);
}

/**
 * mapped_space_copy() - Read or write mapped memory
 * @space: where it is mapped
 * @iova: first byte, any alignment
 * @buffer: kernel memory
 * @length: bytes, at least 1; @iova + @length - 1 does not wrap
 * @write: from @buffer to the mapped memory
 *
 * The same pages that devices reach; nobody pays for those that are not pinned
 * anyway. A failure may come after a part was copied.
 *
 * Return: 0; an errno as of mapped_client_pin().
 */
int mapped_space_copy(struct mapped_space *space, u64 iova, void *buffer,
		      u64 length, bool write)
{
	int prot = write ? IOMMU_WRITE : IOMMU_READ;
	u64 done = 0;

	while (done != length) {
		struct mapping_part part;
		int ret;

		ret = part_get(space, iova + done, length - done, prot, &part);
		if (ret)
			return ret;
		ret = part_copy(&part, buffer + done, write);
		mapping_put_user(part.mapping);
		if (ret)
			return ret;
		done += part.length;
	}
	return 0;
}
