// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

/// The management core: RV32IM, machine mode, one instruction at a time.
///
/// Cycles an instruction takes, with a memory that answers in 1: 2; loads, stores and
/// multiplications 3; divisions 35. In the cycle in which an instruction completes, the fetch of the
/// next one is sent out, so a fetch costs one cycle beside the instruction's own.
///
/// Memory port: `mem_req_o` is high for one cycle with everything else beside it and is always taken.
/// `mem_ack_i` answers it once, in the next cycle or any later one, with `mem_rdata_i` for a read;
/// `mem_err_i` beside it makes it an access fault. There is at most one access under way. Addresses
/// are word addresses, with byte enables for writes; reads give the whole word.
module siov_rv32
  import siov_rv32_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic [31:2] boot_addr_i,  ///< first PC; sampled while in reset
  input  logic        irq_i,        ///< machine external interrupt, level
  output logic        sleep_o,      ///< in WFI; no state changes while high
  output logic        retire_o,     ///< an instruction completes in this cycle
  output logic        trap_o,       ///< in this cycle it goes to the trap handler

  output logic        mem_req_o,
  output logic        mem_fetch_o,  ///< an instruction fetch
  output logic        mem_write_o,
  output logic [31:2] mem_addr_o,
  output logic [3:0]  mem_be_o,
  output logic [31:0] mem_wdata_o,
  input  logic        mem_ack_i,
  input  logic        mem_err_i,
  input  logic [31:0] mem_rdata_i
);

  typedef enum logic [2:0] {
    StBoot,    // out of reset: fetch at pc_q
    StFetch,   // an instruction is on its way
    StExec,    // ir_q is being executed
    StMem,     // a load or store is on its way
    StMulDiv,
    StSleep
  } state_e;

  state_e      state_q, state_d;
  logic [31:2] pc_q, pc_d;
  logic [31:0] ir_q;

  // ------------------------------------------------------------------------------------------
  // Decode and operands: stable from StExec until the instruction completes

  logic        decoding;
  decoded_t    dec;
  logic [2:0]  funct3;
  logic [4:0]  rd;
  logic [31:0] rs1, rs2, imm_base, target;

  assign decoding = state_q inside {StExec, StMem, StMulDiv};
  assign funct3   = ir_q[14:12];
  assign rd       = ir_q[11:7];

  siov_rv32_decode u_decode (
    .valid_i   (decoding),
    .instr_i   (ir_q),
    .decoded_o (dec)
  );

  logic [31:0] regs_q [32];  // x0 is never written

  always_comb begin
    rs1    = '0;
    rs2    = '0;
    target = '0;
    imm_base = '0;
    if (decoding) begin
      if (ir_q[19:15] != '0) rs1 = regs_q[ir_q[19:15]];
      if (ir_q[24:20] != '0) rs2 = regs_q[ir_q[24:20]];
      imm_base = dec.base_pc ? {pc_q, 2'b0} : rs1;
      target   = imm_base + dec.imm;  // of a jump, a branch, a load or a store; AUIPC's result
    end
  end

  logic [31:0] alu_result;
  logic        branch_taken;

  siov_rv32_alu u_alu (
    .valid_i  (state_q == StExec),
    .funct3_i (funct3),
    .alt_i    (dec.alu_alt),
    .a_i      (rs1),
    .b_i      (dec.use_imm ? dec.imm : rs2),
    .result_o (alu_result),
    .taken_o  (branch_taken)
  );

  logic        muldiv_start, muldiv_done;
  logic [31:0] muldiv_result;

  siov_rv32_muldiv u_muldiv (
    .clk_i    (clk_i),
    .rst_ni   (rst_ni),
    .start_i  (muldiv_start),
    .funct3_i (funct3),
    .a_i      (rs1),
    .b_i      (rs2),
    .done_o   (muldiv_done),
    .result_o (muldiv_result)
  );

  // ------------------------------------------------------------------------------------------
  // Data alignment

  logic        misaligned;
  logic [31:0] load_shifted, load_data, store_data;
  logic [3:0]  store_be;

  always_comb begin
    misaligned = 1'b0;
    store_data = '0;
    store_be   = '0;
    if (state_q == StExec) begin
      unique case (funct3[1:0])
        2'd0: begin
          store_data = {4{rs2[7:0]}};
          store_be   = 4'b0001 << target[1:0];
        end
        2'd1: begin
          store_data = {2{rs2[15:0]}};
          store_be   = 4'b0011 << target[1:0];
          misaligned = target[0];
        end
        default: begin
          store_data = rs2;
          store_be   = 4'b1111;
          misaligned = target[1:0] != '0;
        end
      endcase
    end
  end

  always_comb begin
    load_shifted = '0;
    load_data    = '0;
    if (state_q == StMem) begin
      load_shifted = mem_rdata_i >> {target[1:0], 3'b0};
      unique case (funct3)
        3'd0:    load_data = {{24{load_shifted[7]}}, load_shifted[7:0]};
        3'd1:    load_data = {{16{load_shifted[15]}}, load_shifted[15:0]};
        3'd4:    load_data = {24'h0, load_shifted[7:0]};
        3'd5:    load_data = {16'h0, load_shifted[15:0]};
        default: load_data = load_shifted;
      endcase
    end
  end

  // ------------------------------------------------------------------------------------------
  // CSRs and traps

  logic        trap, mret, csr_access, csr_illegal, irq_pending, irq_take;
  cause_e      cause;
  logic [31:0] tval, csr_rdata;
  logic [31:2] mtvec, mepc;

  assign csr_access = dec.insn == InsnCsr && state_q == StExec;

  siov_rv32_csr u_csr (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .awake_i       (state_q != StSleep),
    .retire_i      (retire_o),
    .irq_i         (irq_i),
    .access_i      (csr_access),
    .commit_i      (csr_access && retire_o),
    .instr_i       (ir_q[31:12]),
    .rs1_i         (rs1),
    .rdata_o       (csr_rdata),
    .illegal_o     (csr_illegal),
    .trap_i        (trap),
    .cause_i       (cause),
    .epc_i         (pc_q),
    .tval_i        (tval),
    .mret_i        (mret),
    .mtvec_o       (mtvec),
    .mepc_o        (mepc),
    .irq_pending_o (irq_pending),
    .irq_take_o    (irq_take)
  );

  // ------------------------------------------------------------------------------------------
  // The sequencer

  logic        fetch, access, rd_we;
  logic [31:2] pc_next;
  logic [31:0] rd_data;

  assign pc_next = pc_q + 30'd1;

  always_comb begin
    state_d      = state_q;
    pc_d         = pc_q;
    fetch        = 1'b0;  // send out the fetch at pc_d
    access       = 1'b0;  // send out the load or store
    rd_we        = 1'b0;
    rd_data      = alu_result;
    retire_o     = 1'b0;
    muldiv_start = 1'b0;
    mret         = 1'b0;
    trap         = 1'b0;
    cause        = CauseIllegal;
    tval         = '0;

    unique case (state_q)
      StBoot: fetch = 1'b1;

      StFetch: begin
        if (mem_ack_i) begin
          state_d = StExec;
          if (mem_err_i) begin
            trap  = 1'b1;
            cause = CauseFetchFault;
            tval  = {pc_q, 2'b0};
          end
        end
      end

      StExec: begin
        fetch    = 1'b1;
        retire_o = 1'b1;
        pc_d     = pc_next;
        unique case (dec.insn)
          InsnAlu: rd_we = 1'b1;
          InsnLui: begin
            rd_we   = 1'b1;
            rd_data = dec.imm;
          end
          InsnAuipc: begin
            rd_we   = 1'b1;
            rd_data = target;
          end
          InsnJump: begin
            rd_we   = 1'b1;
            rd_data = {pc_next, 2'b0};
            pc_d    = target[31:2];  // JALR clears bit 0
            if (target[1]) begin
              trap  = 1'b1;
              cause = CauseFetchMisaligned;
              tval  = {target[31:1], 1'b0};
            end
          end
          InsnBranch: begin
            if (branch_taken) begin
              pc_d = target[31:2];
              if (target[1]) begin
                trap  = 1'b1;
                cause = CauseFetchMisaligned;
                tval  = target;
              end
            end
          end
          InsnLoad, InsnStore: begin
            tval = target;
            if (misaligned) begin
              trap  = 1'b1;
              cause = dec.insn == InsnStore ? CauseStoreMisaligned : CauseLoadMisaligned;
            end else begin
              access   = 1'b1;
              fetch    = 1'b0;
              retire_o = 1'b0;
              pc_d     = pc_q;
              state_d  = StMem;
            end
          end
          InsnMulDiv: begin
            muldiv_start = 1'b1;
            fetch        = 1'b0;
            retire_o     = 1'b0;
            pc_d         = pc_q;
            state_d      = StMulDiv;
          end
          InsnCsr: begin
            rd_we   = 1'b1;
            rd_data = csr_rdata;
            if (csr_illegal) begin
              trap = 1'b1;
              tval = ir_q;
            end
          end
          InsnEcall: begin
            trap  = 1'b1;
            cause = CauseEcallM;
          end
          InsnEbreak: begin
            trap  = 1'b1;
            cause = CauseBreakpoint;
            tval  = {pc_q, 2'b0};
          end
          InsnMret: begin
            mret = 1'b1;
            pc_d = mepc;
          end
          InsnWfi: begin
            if (!irq_pending) begin
              fetch   = 1'b0;
              state_d = StSleep;
            end
          end
          InsnFence: ;
          default: begin
            trap = 1'b1;
            tval = ir_q;
          end
        endcase

        // Before the instruction, as if it had not been fetched.
        if (irq_take) begin
          trap         = 1'b1;
          cause        = CauseExternalIrq;
          tval         = '0;
          access       = 1'b0;
          muldiv_start = 1'b0;
          mret         = 1'b0;
        end
      end

      StMem: begin
        if (mem_ack_i) begin
          fetch    = 1'b1;
          retire_o = 1'b1;
          pc_d     = pc_next;
          rd_we    = dec.insn == InsnLoad;
          rd_data  = load_data;
          if (mem_err_i) begin
            trap  = 1'b1;
            cause = dec.insn == InsnStore ? CauseStoreFault : CauseLoadFault;
            tval  = target;
          end
        end
      end

      StMulDiv: begin
        if (muldiv_done) begin
          fetch    = 1'b1;
          retire_o = 1'b1;
          pc_d     = pc_next;
          rd_we    = 1'b1;
          rd_data  = muldiv_result;
        end
      end

      default: begin  // StSleep
        if (irq_pending) fetch = 1'b1;
      end
    endcase

    if (trap) begin
      fetch    = 1'b1;
      retire_o = 1'b0;
      rd_we    = 1'b0;
      pc_d     = mtvec;
    end
    if (fetch) state_d = StFetch;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StBoot;
      pc_q    <= boot_addr_i;
    end else begin
      state_q <= state_d;
      pc_q    <= pc_d;
      if (state_q == StFetch && mem_ack_i) ir_q <= mem_rdata_i;
      if (rd_we && rd != '0) regs_q[rd] <= rd_data;
    end
  end

  assign sleep_o = state_q == StSleep;
  assign trap_o  = trap;

  assign mem_req_o   = (fetch || access) && rst_ni;
  assign mem_fetch_o = fetch;
  assign mem_write_o = access && dec.insn == InsnStore;
  assign mem_addr_o  = fetch ? pc_d : target[31:2];
  assign mem_be_o    = store_be;
  assign mem_wdata_o = store_data;

  // ------------------------------------------------------------------------------------------

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (mem_ack_i) begin
        AckAnswersAccess_A : assert (state_q == StFetch || state_q == StMem)
          else $error("mem_ack_i without an access under way");
      end
      if (sleep_o && !irq_pending) begin
        NoRequestInSleep_A : assert (!mem_req_o) else $error("memory access while asleep");
      end
      OneAccess_A : assert (!(fetch && access)) else $error("a fetch and a load or store at once");
    end
  end

endmodule
