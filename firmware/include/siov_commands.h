// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

// Commands of the CMD register and the error codes they end with (DSA 9.2.12, 9.2.13).

#ifndef SIOV_COMMANDS_H
#define SIOV_COMMANDS_H

#include <stdint.h>

enum siov_command {
  SIOV_CMD_ENABLE_DEVICE = 1,
  SIOV_CMD_DISABLE_DEVICE = 2,
  SIOV_CMD_DRAIN_ALL = 3,
  SIOV_CMD_ABORT_ALL = 4,
  SIOV_CMD_RESET_DEVICE = 5,
  SIOV_CMD_ENABLE_WQ = 6,
  SIOV_CMD_DISABLE_WQ = 7,
  SIOV_CMD_DRAIN_WQ = 8,
  SIOV_CMD_ABORT_WQ = 9,
  SIOV_CMD_RESET_WQ = 10,
  SIOV_CMD_DRAIN_PASID = 11,
  SIOV_CMD_ABORT_PASID = 12,
  SIOV_CMD_REQUEST_INT_HANDLE = 13,
  SIOV_CMD_RELEASE_INT_HANDLE = 14,
};

enum siov_command_error {
  SIOV_ERR_NONE = 0x00,
  SIOV_ERR_COMMAND = 0x01,         // undefined or unsupported command
  SIOV_ERR_WQ_INDEX = 0x02,        // no such WQ
  SIOV_ERR_HARDWARE = 0x03,        // the device has halted meanwhile
  SIOV_ERR_RESERVED = 0x04,        // reserved field not 0
  SIOV_ERR_HALT = 0x05,            // device is in Halt
  SIOV_ERR_NOT_DISABLED = 0x10,    // Enable Device: device not Disabled
  SIOV_ERR_BME = 0x12,             // Bus Master Enable is 0
  SIOV_ERR_PRI_ALLOC = 0x13,       // PRI with an allocation of 0 or beyond the capacity
  SIOV_ERR_TOTAL_SIZE = 0x14,      // sum of WQ sizes is more than the device has
  SIOV_ERR_GROUP = 0x15,           // group with only WQs or only engines, or one beyond the last
  SIOV_ERR_GROUP_WQ = 0x16,        // WQ in several groups, in none, unused or beyond the last
  SIOV_ERR_GROUP_ENGINE = 0x17,    // engine in several groups or beyond the last
  SIOV_ERR_EVL = 0x19,             // event log with too few entries or beyond the last address
  SIOV_ERR_EVL_PASID = 0x1b,       // event log with a PASID or privilege that config space forbids
  SIOV_ERR_NOT_ENABLED = 0x20,     // Enable WQ: device not Enabled
  SIOV_ERR_WQ_NOT_DISABLED = 0x21,
  SIOV_ERR_WQ_SIZE = 0x22,         // size 0
  SIOV_ERR_WQ_PRIORITY = 0x23,     // priority 0
  SIOV_ERR_WQ_MODE = 0x24,         // mode not supported: a virtual device may have but one
  SIOV_ERR_WQ_BOF = 0x25,          // block on fault without PRI Enable in config space
  SIOV_ERR_WQ_PASID = 0x26,        // PASID without PASID Enable in config space, or shared without
  SIOV_ERR_WQ_BATCH = 0x27,        // largest batch 0 or beyond the capability
  SIOV_ERR_WQ_XFER = 0x28,         // largest transfer beyond the capability
  SIOV_ERR_WQ_PRIV = 0x2a,         // privileged without Privileged Mode Enable in config space
  SIOV_ERR_WQ_ATS = 0x2c,          // ATS disable not supported
  SIOV_ERR_WQ_OPCFG = 0x2d,        // operation allowed that OPCAP does not have
  SIOV_ERR_WQ_PRS = 0x2e,          // PRS disable not supported
  SIOV_ERR_DEV_NOT_ENABLED = 0x31, // Disable Device: device not Enabled
  SIOV_ERR_WQ_NOT_ENABLED = 0x32,  // one or more of the WQs not Enabled
  SIOV_ERR_INT_INDEX = 0x41,       // no such interrupt table entry
};

// Carries out the command in `cmd`, the value of CMD, to its end. Returns what the register
// SIOV_CTL_DONE takes: error code and result.
uint32_t siov_command(uint32_t cmd);

// Stops everything after the device has gone to Halt by itself.
void siov_halt(void);

#endif
