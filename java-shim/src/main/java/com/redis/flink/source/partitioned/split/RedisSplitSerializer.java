package com.redis.flink.source.partitioned.split;

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
 * Splits in checkpoints and on their way to readers. Version 1, big-endian; a text is an i32 length
 * and UTF-8, an ID is two u64:
 *
 * <pre>
 * i32 partition, text stream, text consumer group, ID position,
 * u8 has a stopping ID, [ID stopping ID], i32 runs, runs: ID first, i64 count
 * </pre>
 *
 * <p>Golden bytes of every version are in {@code tests/golden/}.
 */
@Internal
public final class RedisSplitSerializer implements SimpleVersionedSerializer<RedisSplit> {

    private static final int VERSION = 1;

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
            for (EntryRun run : split.pending()) {
                writeId(out, run.first());
                out.writeLong(run.count());
            }
        }
        return bytes.toByteArray();
    }

    @Override
    public RedisSplit deserialize(int version, byte[] serialized) throws IOException {
        if (version != VERSION) {
            throw new IOException(
                    "The state of a split has version "
                            + version
                            + "; this connector reads version "
                            + VERSION
                            + ". Restore it with the connector that wrote it, or a newer one.");
        }
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(serialized))) {
            int partition = in.readInt();
            String stream = readText(in);
            String consumerGroup = readText(in);
            EntryId position = readId(in);
            EntryId stoppingId = in.readBoolean() ? readId(in) : null;
            List<EntryRun> pending = new ArrayList<>();
            for (int left = in.readInt(); left > 0; left--) {
                pending.add(EntryRun.of(readId(in), in.readLong()));
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

    private static void writeId(DataOutputStream out, EntryId id) throws IOException {
        out.writeLong(id.milliseconds());
        out.writeLong(id.sequence());
    }

    private static EntryId readId(DataInputStream in) throws IOException {
        return EntryId.of(in.readLong(), in.readLong());
    }
}
