/* What --model and --device name: shipped ones by name, others by the path of a file. */
#pragma once

#include "calib/devices/device.h"
#include "calib/devices/disk_figures.h"
#include "calib/devices/host.h"
#include "calib/profile.h"
#include "calib/cost/roofline.h"
#include "models/decoder_config.h"
#include "sim/model.h"

/* --model: a shipped model's name, or the path of a config.json or of its folder. The error about
 * an unknown name tells the nearest. The caller frees the model. */
Model *resolve_model(const char *text, GError **error);
/* The same with --quantization (models/model_config.h); NULL: as the file says. */
Model *resolve_model_quantized(const char *text, const char *quantization, GError **error);

/* --model, with what computing it takes; NULL with an error if the kernels cannot compute it. The
 * caller frees it. */
DecoderConfig *resolve_decoder_config(const char *text, GError **error);
/* The path of the config.json that resolve_model() reads, which need not exist. The caller frees
 * it. */
char *resolve_model_file(const char *text);

/* A shipped device's name, or the path of a device file (.ini). The caller frees the device. */
Device *resolve_device(const char *text, GError **error);
/* What is doubtful in its figures (device_doubts), if `text` is a file that does not ship; else
 * none. NULL-terminated; the caller frees with g_strfreev(). */
char **resolve_device_doubts(const char *text, const Device *device);

/* --host: a shipped host's name, or the path of a host's file (.ini). NULL: the first of the
 * shipped host on which the profile was measured, the host in the device's file, and HOST_UNKNOWN.
 * The caller frees the host. */
Host *resolve_host(const char *text, const Device *device, const Profile *profile, GError **error);

/* --disk: a shipped disk's name, or the path of a disk's file (.ini); NULL: DISK_DEFAULT. The
 * caller frees it. */
DiskFigures *resolve_disk(const char *text, GError **error);

/* A shipped profile's name, or the path of one: FILE.db, FILE.csv, FILE.csv.gz, or any file that
 * begins as a profile does. NULL without an error if `text` names no profile (a device's name, an
 * .ini, an unknown name): then it is for resolve_device(). Of several kinds of kernels only the
 * first is kept (calib/profile_kernels.h). The caller frees the profile. */
Profile *resolve_profile(const char *text, GError **error);
/* The same with all kinds of kernels. */
Profile *resolve_whole_profile(const char *text, GError **error);

/* --device: a profile and the device that it was measured on, or a device alone (*profile is NULL).
 * kernels: the kind whose samples are used; a profile without it is refused. NULL: the profile's
 * first kind. The caller frees both. */
gboolean resolve_costs(const char *text, const char *kernels, Device **device, Profile **profile,
                       GError **error);
/* Costs from a profile's measurements, or from the device's roofline if `profile` is NULL. The
 * caller frees the model. */
CostModel *resolve_cost_model(const Profile *profile, const RooflineConfig *config, GError **error);

/* The path of a shipped profile's text, or NULL. The caller frees it. */
char *resolve_profile_file(const char *name);
/* The names of the shipped profiles, sorted; for g_strfreev(). */
char **resolve_profile_names(void);
