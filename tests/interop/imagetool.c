/*
 * The engine's images from the command line, for tests that drive other programs, too:
 *
 *   imagetool create FILE FORMAT SIZE [fixed] [subformat=S] [block=N] [sector=N] [parent=FILE]
 *   imagetool run FILE [FORMAT [compress]]   carries out the commands of its input, one a line:
 *       write OFFSET LENGTH BYTE    random OFFSET LENGTH SEED    zero OFFSET LENGTH
 *       discard OFFSET LENGTH       as zero; whole units by a discard, where that is offered
 *       flush    reopen    resize SIZE    parent FILE    check    repair
 *       snapshot NAME    delete NAME    apply NAME    list
 *   imagetool cat FILE [FORMAT [SNAPSHOT]]   the guest's view, to its output
 *   imagetool map FILE [FORMAT]     START LENGTH KIND DEPTH [FILE-OFFSET], one extent a line
 *   imagetool info FILE [FORMAT]    KEY VALUE, one a line
 *   imagetool check FILE [FORMAT]   findings, one a line; then the counts
 *   imagetool repair FILE [FORMAT]  likewise, and repairs
 *   imagetool content FILE [FORMAT [SECTOR]]     what the disk holds: NAME, LABEL, by tabulators
 *   imagetool partitions FILE [FORMAT [SECTOR]]  style STYLE ID, note NOTE, and by tabulators
 *       partition NUMBER OFFSET LENGTH TYPE ID ATTRIBUTES-OR-ACTIVE NAME
 *
 * Sizes are bytes. What fails is told on the error output, and ends the program with 1.
 */
#include "engine/base/checked.h"
#include "virtualdisk/content.h"
#include "virtualdisk/host.h"
#include "virtualdisk/partition.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PIECE_BYTES ((size_t)1 << 20)

struct tool {
    const char *path;
    const char *format;
    const char *snapshot;
    bool compress;
    uint32_t sector_bytes; /* of raw disks; 0: as ever */
    struct vdisk_image *image;
    struct vdisk_disk *disk;
    unsigned char *buffer; /* PIECE_BYTES */
};

static _Noreturn void die(const char *doing, const struct vdisk_error *error)
{
    fprintf(stderr, "%s: %s: %s", doing, error->file, vdisk_status_name(error->status));
    if (error->structure != NULL)
        fprintf(stderr, ", %s", error->structure);
    if (error->offset_bytes != VDISK_NO_OFFSET)
        fprintf(stderr, " at %" PRIu64, error->offset_bytes);
    if (error->reason != NULL)
        fprintf(stderr, ": %s", error->reason);
    fputc('\n', stderr);
    exit(1);
}

static void require(enum vdisk_status status, const char *doing, const struct vdisk_error *error)
{
    if (status != VDISK_OK)
        die(doing, error);
}

static _Noreturn void usage(void)
{
    fputs("imagetool: see the comment at the beginning of its source\n", stderr);
    exit(2);
}

static void tool_open(struct tool *tool, enum vdisk_open_mode mode, bool for_check)
{
    const struct vdisk_open_options options = {.format = tool->format,
                                               .finder = vdisk_host_finder(),
                                               .snapshot = tool->snapshot,
                                               .compress = tool->compress,
                                               .logical_sector_bytes = tool->sector_bytes,
                                               .read_only = mode == VDISK_OPEN_READ,
                                               .for_check = for_check};
    struct vdisk_error error;
    struct vdisk_file *file;

    require(vdisk_host_open(tool->path, mode, &file, &error), "open", &error);
    require(vdisk_image_open(file, &options, &tool->image, &error), "open", &error);
    tool->disk = vdisk_image_disk(tool->image);
}

static void tool_close(struct tool *tool)
{
    struct vdisk_error error;

    require(vdisk_image_close(tool->image, &error), "close", &error);
    tool->image = NULL;
}

static const char *option_value(int argc, char **argv, const char *key)
{
    const size_t length = strlen(key);

    for (int index = 0; index < argc; index++) {
        if (strncmp(argv[index], key, length) == 0 && argv[index][length] == '=')
            return argv[index] + length + 1;
    }
    return NULL;
}

static bool has_option(int argc, char **argv, const char *key)
{
    for (int index = 0; index < argc; index++) {
        if (strcmp(argv[index], key) == 0)
            return true;
    }
    return false;
}

static uint32_t number_option(int argc, char **argv, const char *key)
{
    const char *value = option_value(argc, argv, key);

    return value == NULL ? 0 : (uint32_t)strtoul(value, NULL, 0);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

static void create(struct tool *tool, int argc, char **argv)
{
    struct vdisk_create_options options = {.format = argv[0],
                                           .size_bytes = strtoull(argv[1], NULL, 0),
                                           .fixed = has_option(argc, argv, "fixed"),
                                           .subformat = option_value(argc, argv, "subformat"),
                                           .block_bytes = number_option(argc, argv, "block"),
                                           .logical_sector_bytes =
                                               number_option(argc, argv, "sector"),
                                           .finder = vdisk_host_finder()};
    const char *parent_path = option_value(argc, argv, "parent");
    struct tool parent = {.path = parent_path};
    struct vdisk_error error;
    struct vdisk_file *file;

    if (parent_path != NULL) {
        tool_open(&parent, VDISK_OPEN_READ, false);
        options.parent = parent.image;
        options.parent_name = base_name(parent_path);
        options.parent_absolute_name = parent_path[0] == '/' ? parent_path : NULL;
    }
    require(vdisk_host_open(tool->path, VDISK_OPEN_CREATE, &file, &error), "create", &error);
    require(vdisk_image_create(file, &options, &error), "create", &error);
    vdisk_file_close(file);
    if (parent_path != NULL)
        tool_close(&parent);
}

/* xorshift64*: the same bytes as tests/interop/images.py makes. */
static void fill_random(unsigned char *buffer, size_t length_bytes, uint64_t *state)
{
    for (size_t index = 0; index < length_bytes; index += 8) {
        uint64_t value;

        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        value = *state * UINT64_C(0x2545f4914f6cdd1d);
        for (size_t byte = 0; byte < 8; byte++)
            buffer[index + byte] = (unsigned char)(value >> 8 * byte);
    }
}

static void write_range(struct tool *tool, uint64_t offset, uint64_t length, bool random,
                        uint64_t value)
{
    uint64_t state = value;

    while (length != 0) {
        const size_t piece = length < PIECE_BYTES ? (size_t)length : PIECE_BYTES;
        struct vdisk_error error;

        if (random)
            fill_random(tool->buffer, piece, &state);
        else
            memset(tool->buffer, (int)value, piece);
        require(vdisk_disk_write(tool->disk, offset, tool->buffer, piece, &error), "write", &error);
        offset += piece;
        length -= piece;
    }
}

static void report_finding(struct vdisk_check *check, const struct vdisk_finding *finding)
{
    static const char *const kinds[] = {"corruption", "leak", "note"};

    (void)check;
    printf("%s%s: %s at %" PRId64 ": %s\n", finding->repaired ? "repaired " : "",
           kinds[finding->kind], finding->structure, (int64_t)finding->offset_bytes,
           finding->reason);
}

static void check_image(struct tool *tool, bool repair)
{
    struct vdisk_check check = {.repair = repair, .report = report_finding};
    struct vdisk_error error;

    require(vdisk_image_check(tool->image, &check, &error), "check", &error);
    printf("corruptions %" PRIu64 " leaks %" PRIu64 " repaired %" PRIu64 "\n",
           check.corruption_count, check.leak_count, check.repaired_count);
}

static void set_parent(struct tool *tool, const char *path)
{
    struct tool parent = {.path = path};
    struct vdisk_error error;

    tool_open(&parent, VDISK_OPEN_READ, false);
    require(vdisk_image_set_parent(tool->image, parent.image, base_name(path),
                                   path[0] == '/' ? path : NULL, &error),
            "parent", &error);
    tool_close(&parent);
}

static void list_snapshots(struct tool *tool)
{
    struct vdisk_snapshot snapshot;
    struct vdisk_error error;
    enum vdisk_status status;
    uint32_t index = 0;

    while ((status = vdisk_image_get_snapshot(tool->image, index, &snapshot, &error)) == VDISK_OK) {
        printf("%s %s %" PRIu64 "\n", snapshot.id, snapshot.name, snapshot.size_bytes);
        index++;
    }
    if (status != VDISK_NOT_FOUND)
        die("list", &error);
}

/* False when the verb is none of these. */
static bool change_snapshots(struct tool *tool, const char *verb, const char *name)
{
    struct vdisk_error error;

    if (strcmp(verb, "snapshot") == 0)
        require(vdisk_image_create_snapshot(tool->image, name, &error), verb, &error);
    else if (strcmp(verb, "delete") == 0)
        require(vdisk_image_delete_snapshot(tool->image, name, &error), verb, &error);
    else if (strcmp(verb, "apply") == 0)
        require(vdisk_image_apply_snapshot(tool->image, name, &error), verb, &error);
    else if (strcmp(verb, "list") == 0)
        list_snapshots(tool);
    else
        return false;
    return true;
}

static void discard_range(struct tool *tool, uint64_t offset, uint64_t length)
{
    const uint64_t unit = tool->disk->discard_bytes != 0 ? tool->disk->discard_bytes : 1;
    const uint64_t end = offset + length;
    uint64_t first = vdisk_div_up(offset, unit) * unit;
    uint64_t last = end == tool->disk->size_bytes ? end : vdisk_align_down(end, unit);
    struct vdisk_error error;

    if (tool->disk->discard_bytes == 0 || first >= last)
        first = last = end;
    else
        require(vdisk_disk_discard(tool->disk, offset, length, &error), "discard", &error);
    require(vdisk_disk_zero(tool->disk, offset, first - offset, &error), "zero", &error);
    require(vdisk_disk_zero(tool->disk, last, end - last, &error), "zero", &error);
}

static void reopen(struct tool *tool)
{
    tool_close(tool);
    tool_open(tool, VDISK_OPEN_WRITE, false);
}

static void run_line(struct tool *tool, char *line)
{
    char verb[16] = "", text[4096] = "";
    uint64_t offset = 0, length = 0, value = 0;
    struct vdisk_error error;

    sscanf(line, "%15s %" SCNu64 " %" SCNu64 " %" SCNu64, verb, &offset, &length, &value);
    sscanf(line, "%*s %4095s", text);
    if (strcmp(verb, "write") == 0 || strcmp(verb, "random") == 0)
        write_range(tool, offset, length, verb[0] == 'r', value);
    else if (strcmp(verb, "zero") == 0)
        require(vdisk_disk_zero(tool->disk, offset, length, &error), "zero", &error);
    else if (strcmp(verb, "discard") == 0)
        discard_range(tool, offset, length);
    else if (strcmp(verb, "flush") == 0)
        require(vdisk_disk_flush(tool->disk, &error), "flush", &error);
    else if (strcmp(verb, "reopen") == 0)
        reopen(tool);
    else if (strcmp(verb, "resize") == 0)
        require(vdisk_image_resize(tool->image, offset, &error), "resize", &error);
    else if (strcmp(verb, "parent") == 0)
        set_parent(tool, text);
    else if (strcmp(verb, "check") == 0 || strcmp(verb, "repair") == 0)
        check_image(tool, verb[0] == 'r');
    else if (!change_snapshots(tool, verb, text))
        usage();
}

static void run(struct tool *tool, const char *option)
{
    char line[8192];

    tool->compress = option != NULL && strcmp(option, "compress") == 0;
    tool_open(tool, VDISK_OPEN_WRITE, false);
    while (fgets(line, sizeof line, stdin) != NULL)
        run_line(tool, line);
    tool_close(tool);
}

static void cat(struct tool *tool, const char *snapshot)
{
    tool->snapshot = snapshot;
    tool_open(tool, VDISK_OPEN_READ, false);
    for (uint64_t offset = 0; offset < tool->disk->size_bytes;) {
        const uint64_t rest = tool->disk->size_bytes - offset;
        const size_t piece = rest < PIECE_BYTES ? (size_t)rest : PIECE_BYTES;
        struct vdisk_error error;

        require(vdisk_disk_read(tool->disk, offset, tool->buffer, piece, &error), "read", &error);
        if (fwrite(tool->buffer, 1, piece, stdout) != piece)
            exit(1);
        offset += piece;
    }
    tool_close(tool);
}

static void map(struct tool *tool, const char *option)
{
    static const char *const kinds[] = {"data", "compressed", "zero", "unallocated"};

    (void)option;
    tool_open(tool, VDISK_OPEN_READ, false);
    for (uint64_t offset = 0; offset < tool->disk->size_bytes;) {
        struct vdisk_extent extent;
        struct vdisk_error error;

        require(
            vdisk_disk_map(tool->disk, offset, tool->disk->size_bytes - offset, &extent, &error),
            "map", &error);
        printf("%" PRIu64 " %" PRIu64 " %s %" PRIu32, offset, extent.length_bytes,
               kinds[extent.kind], extent.depth);
        if (extent.kind == VDISK_EXTENT_DATA)
            printf(" %" PRIu64, extent.file_offset_bytes);
        putchar('\n');
        offset += extent.length_bytes;
    }
    tool_close(tool);
}

static void info(struct tool *tool, const char *option)
{
    struct vdisk_image_info facts;
    struct vdisk_error error;

    (void)option;
    tool_open(tool, VDISK_OPEN_READ, false);
    require(vdisk_image_get_info(tool->image, &facts, &error), "info", &error);
    printf("format %s\nsubformat %s\nvirtual_size %" PRIu64 "\nallocated %" PRIu64
           "\nblock %" PRIu32 "\nsector %" PRIu32 "\n",
           facts.format, facts.subformat, facts.virtual_size_bytes, facts.allocated_bytes,
           facts.block_bytes, facts.logical_sector_bytes);
    printf("dirty %d\ncorrupt %d\nread_only %d\nidentity %s\nparent_identity %s\nparent_name %s\n",
           facts.dirty, facts.corrupt, facts.read_only, facts.identity, facts.parent_identity,
           facts.parent_name);
    tool_close(tool);
}

static void open_for_sectors(struct tool *tool, const char *option)
{
    tool->sector_bytes = option == NULL ? 0 : (uint32_t)strtoul(option, NULL, 0);
    tool_open(tool, VDISK_OPEN_READ, false);
}

static void content(struct tool *tool, const char *option)
{
    struct vdisk_content found;
    struct vdisk_error error;

    open_for_sectors(tool, option);
    require(vdisk_content_recognize(tool->disk, &found, &error), "content", &error);
    printf("%s\t%s\n",
           found.empty          ? "empty"
           : found.name == NULL ? "unknown"
                                : found.name,
           found.label);
    tool_close(tool);
}

static void print_partition(const struct vdisk_partition_table *table,
                            const struct vdisk_partition *partition)
{
    char type[VDISK_PARTITION_TEXT_BYTES], id[VDISK_PARTITION_TEXT_BYTES];
    char name[VDISK_PARTITION_TEXT_BYTES];
    const bool gpt = table->style == VDISK_PARTITION_GPT;

    if (gpt)
        vdisk_partition_id_text(partition->gpt_type, type);
    else
        snprintf(type, sizeof type, "%x", partition->mbr_type);
    vdisk_partition_id_text(partition->gpt_id, id);
    vdisk_partition_name(partition, name);
    printf("partition\t%" PRIu32 "\t%" PRIu64 "\t%" PRIu64 "\t%s\t%s\t%" PRIx64 "\t%s\n",
           partition->number, partition->offset_bytes, partition->size_bytes, type, id,
           gpt ? partition->gpt_attributes : partition->mbr_active, name);
}

static void partitions(struct tool *tool, const char *option)
{
    static const char *const styles[] = {"none", "mbr", "gpt"};
    struct vdisk_partition_table table;
    char id[VDISK_PARTITION_TEXT_BYTES];
    struct vdisk_error error;

    open_for_sectors(tool, option);
    require(vdisk_partitions_read(tool->disk, &table, &error), "partitions", &error);
    vdisk_partition_id_text(table.disk_id, id);
    if (table.style == VDISK_PARTITION_MBR)
        snprintf(id, sizeof id, "%08" PRIx32, table.mbr_signature);
    printf("style %s %s\n", styles[table.style], id);
    for (uint32_t i = 0; i < table.note_count; i++)
        printf("note %s\n", table.notes[i]);
    for (uint32_t i = 0; i < table.count; i++)
        print_partition(&table, &table.partitions[i]);
    vdisk_partitions_free(&table);
    tool_close(tool);
}

static void check_command(struct tool *tool, const char *option)
{
    (void)option;
    tool_open(tool, VDISK_OPEN_READ, true);
    check_image(tool, false);
    tool_close(tool);
}

static void repair_command(struct tool *tool, const char *option)
{
    (void)option;
    tool_open(tool, VDISK_OPEN_WRITE, true);
    check_image(tool, true);
    tool_close(tool);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*action)(struct tool *tool, const char *option);
    } commands[] = {{"run", run},
                    {"cat", cat},
                    {"map", map},
                    {"info", info},
                    {"check", check_command},
                    {"repair", repair_command},
                    {"content", content},
                    {"partitions", partitions}};
    struct tool tool = {.buffer = malloc(PIECE_BYTES)};

    if (argc < 3 || tool.buffer == NULL)
        usage();
    tool.path = argv[2];
    if (strcmp(argv[1], "create") == 0) {
        if (argc < 5)
            usage();
        create(&tool, argc - 3, argv + 3);
        free(tool.buffer);
        return 0;
    }
    tool.format = argc > 3 ? argv[3] : NULL;
    for (size_t index = 0; index < sizeof commands / sizeof commands[0]; index++) {
        if (strcmp(argv[1], commands[index].name) == 0) {
            commands[index].action(&tool, argc > 4 ? argv[4] : NULL);
            free(tool.buffer);
            return 0;
        }
    }
    usage();
}
