// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// What the arbiter of irq/ tells the tables.
package siov_irq_pkg;

  import siov_pkg::*;

  typedef enum logic [2:0] {
    OpReg,    // register access
    OpEvent,  // event of the function
    OpIrq,    // completion interrupt
    OpCheck,  // handle check
    OpScan,   // a pending MSI-X vector may be sent
    OpSweep   // look whether an IMS entry is pending and not masked
  } op_e;

  typedef struct packed {
    op_e         op;
    logic        ims;    // which table
    logic [15:0] index;
    tenant_t     tenant; // OpCheck
  } irq_cmd_t;

  function automatic logic [31:0] merge(logic [31:0] old, logic [31:0] data, logic [3:0] be);
    for (int unsigned i = 0; i < 4; i++) merge[8*i+:8] = be[i] ? data[8*i+:8] : old[8*i+:8];
  endfunction

  /// DSA 3.7: PASID enable of entry and WQ agree and, if set, the PASIDs do.
  function automatic logic pasid_agrees(logic pasid_en, logic [19:0] pasid, tenant_t tenant);
    return pasid_en == tenant.pasid_valid && (!pasid_en || pasid == tenant.pasid);
  endfunction

endpackage
