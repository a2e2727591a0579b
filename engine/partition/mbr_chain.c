#include "engine/base/checked.h"
#include "engine/partition/mbr.h"

/* What is wrong with a link to a record; NULL: nothing. */
static const char *judge_link(const struct vdisk_mbr_chain *chain, const struct vdisk_disk *disk,
                              uint64_t sector)
{
    if (chain->length == VDISK_MBR_LOGICAL_MAX)
        return "there are more than 128 logical drives; the rest is left out";
    if (sector < chain->base || sector - chain->base >= chain->count)
        return "the chain of logical drives leads out of the extended partition";
    if (sector >= vdisk_table_disk_sectors(disk))
        return "the chain of logical drives leads beyond the end of the disk";
    for (uint32_t i = 0; i < chain->length; i++) {
        if (chain->records[i].sector == sector)
            return "the chain of logical drives leads back to itself";
    }
    return NULL;
}

/* The logical drive that a record has, unless it was deleted, and the link to the next. */
static void take_record(struct vdisk_mbr_chain *chain, uint64_t sector)
{
    struct vdisk_mbr_record *record = &chain->records[chain->length++];

    *record = (struct vdisk_mbr_record){
        .sector = sector, .drive = VDISK_MBR_ENTRIES, .link = VDISK_MBR_ENTRIES};
    for (uint32_t i = 0; i < VDISK_MBR_ENTRIES; i++) {
        const struct vdisk_mbr_entry entry = vdisk_mbr_load_entry(chain->sector, i);

        if (entry.type == 0 || entry.count == 0)
            continue;
        if (vdisk_mbr_is_extended(&entry)) {
            if (record->link == VDISK_MBR_ENTRIES && entry.first != 0)
                record->link = i;
        } else if (record->drive == VDISK_MBR_ENTRIES) {
            record->drive = i;
            record->entry = entry;
        }
    }
}

static enum vdisk_status follow(struct vdisk_disk *disk, struct vdisk_mbr_chain *chain,
                                struct vdisk_error *error)
{
    uint64_t sector = chain->base;
    uint32_t link = 0;

    while (link != VDISK_MBR_ENTRIES) { /* at most VDISK_MBR_LOGICAL_MAX times */
        enum vdisk_status status;

        chain->flaw = judge_link(chain, disk, sector);
        if (chain->flaw != NULL)
            return VDISK_OK;
        status = vdisk_table_read_sector(disk, sector, chain->sector, error);
        if (status != VDISK_OK)
            return status;
        if (!vdisk_mbr_has_mark(chain->sector)) {
            chain->flaw = "the chain of logical drives is broken";
            return VDISK_OK;
        }
        take_record(chain, sector);
        link = chain->records[chain->length - 1].link;
        if (link != VDISK_MBR_ENTRIES)
            sector = chain->base + vdisk_mbr_load_entry(chain->sector, link).first;
    }
    return VDISK_OK;
}

enum vdisk_status vdisk_mbr_chain_read(struct vdisk_disk *disk,
                                       const struct vdisk_mbr_entry *extended,
                                       struct vdisk_mbr_chain **chain, struct vdisk_error *error)
{
    struct vdisk_mbr_chain *read = vdisk_alloc(sizeof *read);
    enum vdisk_status status;

    if (read == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, NULL, "partition table", VDISK_NO_OFFSET, NULL);
    read->base = extended->first;
    read->count = extended->count;
    read->length = 0;
    read->flaw = NULL;
    status = follow(disk, read, error);
    if (status == VDISK_OK)
        *chain = read;
    else
        vdisk_free(read);
    return status;
}
