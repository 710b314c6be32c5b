package com.redis.flink.source.partitioned.split;

import com.redis.flink.wire.EntryId;
import com.redis.flink.wire.EntryRun;
import com.redis.flink.wire.StateVersion;

import org.apache.flink.annotation.Internal;
import org.apache.flink.core.io.SimpleVersionedSerializer;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Splits in checkpoints and on their way to readers. Version 2, big-endian; a text is an i32 length
 * and UTF-8, an ID is two u64, a varint is seven bits a byte, the lowest first, the eighth bit set
 * where more follow:
 *
 * <pre>
 * i32 partition, text stream, text consumer group, ID position,
 * u8 has a stopping ID, [ID stopping ID], i32 runs,
 * runs: varint milliseconds beyond those of the run before, varint sequence, varint count
 * </pre>
 *
 * <p>A run of pending entries takes 3 bytes or a few more, and there may be very many: a split goes
 * to its reader in one message of Flink's, which has a limit. Version 1, which is still read, has
 * runs of {@code ID first, i64 count}.
 *
 * <p>Golden bytes of every version are in {@code tests/golden/}.
 */
@Internal
public final class RedisSplitSerializer implements SimpleVersionedSerializer<RedisSplit> {

    private static final int VERSION = 2;
    private static final int WIDE_RUNS_VERSION = 1;

    @Override
    public int getVersion() {
        return VERSION;
    }

    @Override
    public byte[] serialize(RedisSplit split) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(64);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeInt(split.partition());
            writeText(out, split.stream());
            writeText(out, split.consumerGroup());
            writeId(out, split.position());
            out.writeBoolean(split.stoppingId().isPresent());
            if (split.stoppingId().isPresent()) {
                writeId(out, split.stoppingId().get());
            }
            out.writeInt(split.pending().size());
            long before = 0;
            for (EntryRun run : split.pending()) {
                writeVarint(out, run.first().milliseconds() - before);
                writeVarint(out, run.first().sequence());
                writeVarint(out, run.count());
                before = run.first().milliseconds();
            }
        }
        return bytes.toByteArray();
    }

    @Override
    public RedisSplit deserialize(int version, byte[] serialized) throws IOException {
        StateVersion.require("a split", version, VERSION);
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(serialized))) {
            int partition = in.readInt();
            String stream = readText(in);
            String consumerGroup = readText(in);
            EntryId position = readId(in);
            EntryId stoppingId = in.readBoolean() ? readId(in) : null;
            List<EntryRun> pending = new ArrayList<>();
            long before = 0;
            for (int left = in.readInt(); left > 0; left--) {
                if (version == WIDE_RUNS_VERSION) {
                    pending.add(EntryRun.of(readId(in), in.readLong()));
                } else {
                    before += readVarint(in);
                    EntryId first = EntryId.of(before, readVarint(in));
                    pending.add(EntryRun.of(first, readVarint(in)));
                }
            }
            return new RedisSplit(partition, stream, consumerGroup, position, pending, stoppingId);
        }
    }

    /** Writes a text of any length ({@link DataOutputStream#writeUTF} ends at 64 KiB). */
    public static void writeText(DataOutputStream out, String text) throws IOException {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(utf8.length);
        out.write(utf8);
    }

    /** Reads what {@link #writeText} wrote. */
    public static String readText(DataInputStream in) throws IOException {
        return new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
    }

    private static void writeVarint(DataOutputStream out, long value) throws IOException {
        long left = value;
        while ((left & ~0x7fL) != 0) {
            out.writeByte((int) (left & 0x7f) | 0x80);
            left >>>= 7;
        }
        out.writeByte((int) left);
    }

    private static long readVarint(DataInputStream in) throws IOException {
        long value = 0;
        for (int shift = 0; shift < Long.SIZE; shift += 7) {
            byte next = in.readByte();
            value |= (next & 0x7fL) << shift;
            if (next >= 0) {
                return value;
            }
        }
        throw new IOException("The state of a split is broken: a number has no end.");
    }

    private static void writeId(DataOutputStream out, EntryId id) throws IOException {
        out.writeLong(id.milliseconds());
        out.writeLong(id.sequence());
    }

    private static EntryId readId(DataInputStream in) throws IOException {
        return EntryId.of(in.readLong(), in.readLong());
    }
}
