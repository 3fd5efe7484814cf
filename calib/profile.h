/* A profile: measurements of one device, in memory. calib/store/database.h keeps it in a file.
 *
 * Importers and calibration fill it with profile_add(); fits and cost models read its samples,
 * sorted by (operation, variant, dtype, shape, kind of kernels). Texts are interned in the profile.
 */
#pragma once

#include "operation.h"

/* What can be wrong with a profile, or with the file of one. */
#define PROFILE_ERROR (profile_error_quark())
GQuark profile_error_quark(void);

typedef enum {
  PROFILE_ERROR_OPEN,       /* cannot be opened or read */
  PROFILE_ERROR_FOREIGN,    /* not a profile */
  PROFILE_ERROR_NEWER,      /* written in another format */
  PROFILE_ERROR_DAMAGED,    /* not what was written */
  PROFILE_ERROR_INCOMPLETE, /* lacks what every profile has */
  PROFILE_ERROR_VALUE,      /* a value is not what is expected there */
  PROFILE_ERROR_WRITE,      /* cannot be written */
} ProfileError;

/* Where samples come from. Texts are "" and numbers 0 where unknown. */
typedef struct {
  const char *source;          /* "vidur", "llmservingsim", "calibrate" … and the file's name */
  const char *measured_device; /* as the source names it */
  const char *measured_model;  /* likewise; "" if shapes say all */
  const char *engine;          /* "vLLM 0.19.0" */
  const char *driver, *cuda, *clocks, *date, *program_version;
} ProfileOrigin;

typedef struct {
  guint8 operation; /* an OperationKind */
  guint8
      derived; /* 1: computed from other samples (the note says how), not measured as it stands */
  guint16 origin;      /* index into Profile.origins */
  guint32 count;       /* timings behind it; 0: the source does not say */
  const char *variant; /* "" where the operation has none */
  const char *dtype;  /* "bfloat16", "float16", "fp8" …; "bfloat16+fp8kv": weights or q, and KV */
  const char *kernel; /* kernel or algorithm, "" where unknown */
  gint64 shape[OPERATION_SHAPE_MAX];
  double median_ns, p10_ns, p90_ns; /* p10 and p90 are the median where the source has one figure */
} ProfileSample;

typedef struct {
  char *name;      /* what --device calls it */
  char *device;    /* the shipped device whose nominal figures and roofline stand behind it */
  char *note;      /* for people: what was imported, what was derived and how */
  GArray *origins; /* of ProfileOrigin */
  GArray *samples; /* of ProfileSample; sorted after profile_seal() */
  GStringChunk *texts;
  char *digest_read;      /* of the database that it was read from, as it was then; else NULL */
  char *kernels_left_out; /* kinds of kernels that it had samples of, too; else NULL
                             (profile_kernels.h) */
  GHashTable *made;       /* name → what was made of the samples; profile_keep() */
} Profile;

Profile *profile_new(const char *name, const char *device);
void profile_free(Profile *profile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Profile, profile_free)

/* Copies the texts. Returns the origin's index. */
guint16 profile_add_origin(Profile *profile, const ProfileOrigin *origin);
/* Copies the texts. Of p10 and p90, 0 stands for the median. */
void profile_add(Profile *profile, const ProfileSample *sample);
/* Adds a sentence to the note. */
void profile_add_note(Profile *profile, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The kind of this program's kernels that the sample is of (profile_kernels.h): "sm_90a", "sm_80
 * without …"; "" for none. */
const char *profile_sample_kernels(const ProfileSample *sample);

/* The order of samples: operation, variant, dtype, shape, kind of kernels (profile_kernels.h). 0:
 * one key. */
int profile_compare_keys(const ProfileSample *a, const ProfileSample *b);
/* The same order for places (guint32) in an array of samples, which is `samples`; of equal keys the
 * earlier place is first. A GCompareDataFunc. */
gint profile_compare_places(gconstpointer a, gconstpointer b, gpointer samples);
/* Sorts; of samples with one key keeps the last added. */
void profile_seal(Profile *profile);

/* The median of (p90 - p10) / median over an operation's samples; 0 where they have but one figure.
 */
double profile_spread(const Profile *profile, OperationKind kind);

/* Keeps what was made of the samples, such as a fit, until samples are added: a fit takes longer
 * than many a run. The name tells all that it depends on beside the samples. profile_kept() returns
 * the profile's own, or NULL. */
gpointer profile_kept(const Profile *profile, const char *name);
void profile_keep(const Profile *profile, const char *name, gpointer made,
                  GDestroyNotify free_made);

/* The samples of one operation, contiguous after profile_seal(). */
const ProfileSample *profile_samples(const Profile *profile, OperationKind kind, guint *n);
