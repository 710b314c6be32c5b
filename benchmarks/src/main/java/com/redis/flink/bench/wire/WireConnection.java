package com.redis.flink.bench.wire;

import com.redis.flink.bench.lab.Await;
import com.redis.flink.bench.lab.Server;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A connection that does as little as a client can: it sends bytes that were encoded before, and
 * passes over replies without keeping them.
 */
final class WireConnection implements Closeable {

    private static final int BUFFER_BYTES = 256 * 1024;

    private final Socket socket = new Socket();
    private final InputStream in;
    private final OutputStream out;
    private final byte[] buffer = new byte[BUFFER_BYTES];
    private int position;
    private int limit;

    WireConnection(int port) throws IOException {
        socket.setTcpNoDelay(true);
        socket.setSoTimeout((int) Await.LIMIT.toMillis());
        socket.connect(new InetSocketAddress(Server.HOST, port), socket.getSoTimeout());
        in = socket.getInputStream();
        out = socket.getOutputStream();
    }

    /** Encodes a command. */
    static byte[] encode(String... parts) {
        ByteArrayOutputStream command = new ByteArrayOutputStream();
        encode(command, parts);
        return command.toByteArray();
    }

    static void encode(ByteArrayOutputStream to, String... parts) {
        to.writeBytes(("*" + parts.length + "\r\n").getBytes(StandardCharsets.US_ASCII));
        for (String part : parts) {
            byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
            to.writeBytes(("$" + bytes.length + "\r\n").getBytes(StandardCharsets.US_ASCII));
            to.writeBytes(bytes);
            to.writeBytes(new byte[] {'\r', '\n'});
        }
    }

    void send(byte[] commands) throws IOException {
        out.write(commands);
    }

    /**
     * Passes over one reply of a reading command.
     *
     * @param ids is given the IDs of the entries, each as a part of a command; null: not wanted
     * @return how many entries it has; -1: it is a number, the reply to something else
     */
    int skipEntries(ByteArrayOutputStream ids) throws IOException {
        int entries = -1; // the first pair that begins with a string is the stream's
        boolean pairBegins = false;
        for (long left = 1; left > 0; left--) {
            byte type = next();
            long length = number(type);
            if (type == ':') {
                return -1;
            } else if (type == '*') {
                left += Math.max(length, 0);
                pairBegins = length == 2;
            } else {
                entries += pairBegins ? 1 : 0;
                if (pairBegins && entries > 0 && ids != null) {
                    copyString(length, ids);
                } else {
                    skip(length + 2);
                }
                pairBegins = false;
            }
        }
        return Math.max(entries, 0);
    }

    /** Passes over so many replies of any kind. */
    void skipReplies(long replies) throws IOException {
        for (long left = replies; left > 0; left--) {
            byte type = next();
            if (type == '+') {
                while (next() != '\n') {}
                continue;
            }
            long length = number(type);
            if (type == '*') {
                left += Math.max(length, 0);
            } else if (type == '$' && length >= 0) {
                skip(length + 2);
            }
        }
    }

    /** Adds all strings of one reply to the list. */
    void readStrings(List<String> strings) throws IOException {
        ByteArrayOutputStream string = new ByteArrayOutputStream();
        for (long left = 1; left > 0; left--) {
            byte type = next();
            long length = number(type);
            if (type == '*') {
                left += Math.max(length, 0);
            } else if (type == '$') {
                string.reset();
                for (long at = 0; at < length; at++) {
                    string.write(next());
                }
                skip(2);
                strings.add(string.toString(StandardCharsets.UTF_8));
            }
        }
    }

    private void copyString(long length, ByteArrayOutputStream to) throws IOException {
        to.writeBytes(("$" + length + "\r\n").getBytes(StandardCharsets.US_ASCII));
        for (long at = 0; at < length + 2; at++) {
            to.write(next());
        }
    }

    /** Reads the rest of the line. */
    private long number(byte type) throws IOException {
        if (type != '*' && type != '$' && type != ':') {
            throw new IOException("the server replied " + (char) type + line());
        }
        long number = 0;
        boolean negative = false;
        for (byte digit = next(); digit != '\n'; digit = next()) {
            if (digit == '-') {
                negative = true;
            } else if (digit != '\r') {
                number = number * 10 + digit - '0';
            }
        }
        return negative ? -number : number;
    }

    private String line() throws IOException {
        StringBuilder line = new StringBuilder();
        for (byte letter = next(); letter != '\r'; letter = next()) {
            line.append((char) letter);
        }
        return line.toString();
    }

    private void skip(long bytes) throws IOException {
        long left = bytes;
        while (left > limit - position) {
            left -= limit - position;
            receive();
        }
        position += (int) left;
    }

    private byte next() throws IOException {
        if (position == limit) {
            receive();
        }
        return buffer[position++];
    }

    private void receive() throws IOException {
        position = 0;
        limit = in.read(buffer);
        if (limit < 0) {
            limit = 0;
            throw new EOFException("the server has closed the connection");
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
