#include "command.h"
#include "image_file.h"
#include "json.h"
#include "output.h"

/* What a damaged or hostile map can hold by the million is shown a few times, then counted. */
#define SHOWN_PER_SORT 20
#define SORTS          64

/* Findings that differ by their offsets only. */
struct sort {
    struct vdisk_finding first;
    uint64_t count;
};

/* The engine's check, and where its findings go. */
struct check_report {
    struct vdisk_check check; /* first */
    struct vdisk_json *json;  /* NULL: text */
    bool doubtful;            /* raw by probing, another format by its name */
    struct sort *sorts;       /* SORTS; the last one takes what finds no place */
};

static const char *kind_name(enum vdisk_finding_kind kind)
{
    return kind == VDISK_FINDING_CORRUPTION ? "corruption"
           : kind == VDISK_FINDING_LEAK     ? "leak"
                                            : "note";
}

static void report_json(struct vdisk_json *json, const struct vdisk_finding *finding)
{
    vdisk_json_begin_object(json, NULL);
    vdisk_json_string(json, "kind", kind_name(finding->kind));
    vdisk_json_bool(json, "repaired", finding->repaired);
    vdisk_json_string(json, "structure", finding->structure);
    if (finding->offset_bytes != VDISK_NO_OFFSET)
        vdisk_json_number(json, "offset", finding->offset_bytes);
    vdisk_json_string(json, "reason", finding->reason);
    vdisk_json_end_object(json);
}

static void report_text(const struct vdisk_finding *finding)
{
    vdisk_output_text("%s: %s", kind_name(finding->kind),
                      finding->structure == NULL ? "image" : finding->structure);
    if (finding->offset_bytes != VDISK_NO_OFFSET)
        vdisk_output_text(" at offset %" PRIu64, finding->offset_bytes);
    vdisk_output_text(": %s%s\n", finding->reason, finding->repaired ? " (repaired)" : "");
}

static bool is_of_sort(const struct vdisk_finding *a, const struct vdisk_finding *b)
{
    return a->kind == b->kind && a->repaired == b->repaired && a->structure == b->structure &&
           a->reason == b->reason;
}

static struct sort *sort_of(struct check_report *report, const struct vdisk_finding *finding)
{
    size_t i = 0;
    while (i < SORTS - 1 && report->sorts[i].count != 0 &&
           !is_of_sort(&report->sorts[i].first, finding))
        i++;
    if (report->sorts[i].count == 0)
        report->sorts[i].first = *finding;
    return &report->sorts[i];
}

static void on_finding(struct vdisk_check *check, const struct vdisk_finding *finding)
{
    struct check_report *report = (struct check_report *)check;
    struct sort *sort = sort_of(report, finding);
    if (sort->count++ >= SHOWN_PER_SORT)
        return;
    if (report->json != NULL)
        report_json(report->json, finding);
    else
        report_text(finding);
}

static void report_rest(const struct check_report *report)
{
    for (size_t i = 0; i < SORTS && report->sorts[i].count != 0; i++) {
        const struct sort *sort = &report->sorts[i];
        if (sort->count > SHOWN_PER_SORT)
            vdisk_output_text("%s: %s: %" PRIu64 " more: %s%s\n", kind_name(sort->first.kind),
                              sort->first.structure == NULL ? "image" : sort->first.structure,
                              sort->count - SHOWN_PER_SORT, sort->first.reason,
                              sort->first.repaired ? " (repaired)" : "");
    }
}

static uint64_t count_rest(const struct check_report *report)
{
    uint64_t rest = 0;
    for (size_t i = 0; i < SORTS; i++)
        rest +=
            report->sorts[i].count > SHOWN_PER_SORT ? report->sorts[i].count - SHOWN_PER_SORT : 0;
    return rest;
}

/* A fixed image that lost its only footer looks like a raw disk, in which nothing can be wrong. */
static void add_doubt(struct check_report *report)
{
    const struct vdisk_finding finding = {
        .kind = VDISK_FINDING_CORRUPTION,
        .structure = "format",
        .offset_bytes = VDISK_NO_OFFSET,
        .reason = "the file has nothing of the format that its name says",
    };
    report->check.corruption_count++;
    on_finding(&report->check, &finding);
}

/* `failed`: the check itself could not be finished. */
static void print_json(const struct check_report *report, struct vdisk_image *image, bool failed)
{
    const struct vdisk_check *check = &report->check;
    struct vdisk_image_info info;
    vdisk_json_end_array(report->json);
    vdisk_json_number(report->json, "findings-left-off", count_rest(report));
    vdisk_json_string(report->json, "filename", vdisk_image_file_name(image));
    if (vdisk_image_get_info(image, &info, NULL) == VDISK_OK)
        vdisk_json_string(report->json, "format", info.format);
    vdisk_json_number(report->json, "check-errors", failed ? 1 : 0);
    vdisk_json_number(report->json, "corruptions", check->corruption_count);
    vdisk_json_number(report->json, "leaks", check->leak_count);
    vdisk_json_number(report->json, "repaired", check->repaired_count);
    vdisk_json_end_object(report->json);
}

static void print_text(const struct check_report *report)
{
    const struct vdisk_check *check = &report->check;
    if (check->corruption_count == 0 && check->leak_count == 0)
        vdisk_output_text("No errors were found on the image.\n");
    else
        vdisk_output_text("%" PRIu64 " errors, %" PRIu64 " leaks\n", check->corruption_count,
                          check->leak_count);
    if (check->repaired_count != 0)
        vdisk_output_text("%" PRIu64 " repaired\n", check->repaired_count);
}

static enum vdisk_exit run_check(struct vdisk_image *image, const char *path,
                                 struct check_report *report)
{
    struct vdisk_error error;
    if (report->json != NULL) {
        vdisk_json_begin_object(report->json, NULL);
        vdisk_json_begin_array(report->json, "findings");
    }
    enum vdisk_status status = vdisk_image_check(image, &report->check, &error);
    bool nothing_to_check = status == VDISK_UNSUPPORTED && !report->check.repair;
    bool failed = status != VDISK_OK && !nothing_to_check;
    if (report->doubtful)
        add_doubt(report);
    if (report->json != NULL)
        print_json(report, image, failed);
    else
        report_rest(report);
    if (report->json == NULL && !failed)
        print_text(report);
    if (failed) {
        vdisk_output_failure("cannot check", path, &error);
        return VDISK_EXIT_FAILED;
    }
    if (report->check.corruption_count != 0)
        return VDISK_EXIT_CORRUPT;
    return report->check.leak_count != 0 ? VDISK_EXIT_LEAKS : VDISK_EXIT_OK;
}

/* What went wrong has been said; as qemu-img's, the check knows 1 for that only. */
static enum vdisk_exit check_source(const struct vdisk_image_source *source, struct sort *sorts,
                                    const struct vdisk_arguments *arguments)
{
    struct vdisk_image *image;
    if (vdisk_image_file_open(source, &image) != VDISK_EXIT_OK)
        return VDISK_EXIT_FAILED;
    struct vdisk_json json = {0};
    struct check_report report = {
        .check = {.repair = source->write, .report = on_finding},
        .json = vdisk_arguments_has(arguments, VDISK_OPTION_JSON) ? &json : NULL,
        .doubtful = source->format == NULL && vdisk_image_file_is_doubtful(image, source->path),
        .sorts = sorts,
    };
    enum vdisk_exit code = run_check(image, source->path, &report);
    enum vdisk_exit closed = vdisk_image_file_close(image, source->path);
    return closed == VDISK_EXIT_OK ? code : VDISK_EXIT_FAILED;
}

enum vdisk_exit vdisk_command_check(const struct vdisk_arguments *arguments)
{
    const struct vdisk_image_source source = {
        .path = arguments->operands[0],
        .format = arguments->options[VDISK_OPTION_FORMAT],
        .write = vdisk_arguments_has(arguments, VDISK_OPTION_REPAIR),
        .without_parent = true,
        .for_check = true,
    };
    struct sort *sorts = vdisk_alloc_array(SORTS, sizeof(*sorts));
    if (sorts == NULL) {
        vdisk_output_message("out of memory");
        return VDISK_EXIT_FAILED;
    }
    enum vdisk_exit code = check_source(&source, sorts, arguments);
    vdisk_free(sorts);
    return code;
}
