/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MAPPED_CLIENT_H
#define __IOMMUFD_MAPPED_CLIENT_H

#include <linux/list.h>
#include <linux/types.h>

struct mapped_space;
struct mapping;
struct page;

/**
 * struct mapped_client - a kernel user that can be asked to let go
 * @pins: it pins pages, so mappings have to consist of pages
 * @pinned: struct client_pin.link; under mapped_space.lock
 * @unmap: let go of what is pinned in the range. Comes for each range that is
 *         pinned, again until it is not
 */
struct mapped_client {
	bool pins;
	struct list_head pinned;
	void (*unmap)(struct mapped_client *client, u64 iova, u64 length);
};

int mapped_client_add(struct mapped_space *space, struct mapped_client *client);
void mapped_client_withdraw(struct mapped_space *space,
			    struct mapped_client *client);
void mapped_client_remove(struct mapped_space *space,
			  struct mapped_client *client);
int mapped_client_pin(struct mapped_space *space, struct mapped_client *client,
		      u64 iova, u64 length, int prot, struct page **pages);
void mapped_client_unpin(struct mapped_space *space,
			 struct mapped_client *client, u64 iova, u64 length);
int mapped_space_copy(struct mapped_space *space, u64 iova, void *buffer,
		      u64 length, bool write);

/* For who removes a mapping */
int mapping_drain(struct mapped_space *space, struct mapping *mapping);

#endif
