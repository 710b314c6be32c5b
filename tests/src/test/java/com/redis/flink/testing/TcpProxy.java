package com.redis.flink.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A network between a job and Redis that can be broken: a black hole, where nothing arrives and
 * nobody is told, and resets. What a hole holds back is late, not gone: when it opens again the
 * server gets commands of clients that gave up long ago, as with a real network that comes back.
 */
public final class TcpProxy implements AutoCloseable {

    private static final int BUFFER = 64 * 1024;

    private final ServerSocket server;
    private final int targetPort;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

    /** Guards {@link #hole}; all that forward wait on it while it is true. */
    private final Object gate = new Object();

    private boolean hole;

    public TcpProxy(int targetPort) throws IOException {
        this("127.0.0.1", 0, targetPort);
    }

    /** One that listens on a port of the caller's choice. */
    TcpProxy(String address, int port, int targetPort) throws IOException {
        this.targetPort = targetPort;
        server = new ServerSocket(port, 128, InetAddress.getByName(address));
        daemon("proxy", this::accept);
    }

    public int port() {
        return server.getLocalPort();
    }

    /** Nothing goes through any more, in either direction; connections can still be made. */
    public void openHole() {
        synchronized (gate) {
            hole = true;
        }
    }

    /** Everything goes through again, first of all what was held back. */
    public void closeHole() {
        synchronized (gate) {
            hole = false;
            gate.notifyAll();
        }
    }

    /** Resets all connections, on both sides, as a firewall does. */
    public int resetAll() {
        List<Socket> all = new ArrayList<>(sockets);
        all.forEach(this::reset);
        return all.size() / 2;
    }

    @Override
    public void close() {
        try {
            server.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        closeHole();
        resetAll();
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket client = server.accept();
                sockets.add(client);
                daemon("proxy-connect", () -> connect(client));
            } catch (IOException e) {
                // Closed, or the client was gone already.
            }
        }
    }

    private void connect(Socket client) {
        Socket target = new Socket();
        sockets.add(target);
        try {
            target.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), targetPort));
            client.setTcpNoDelay(true);
            target.setTcpNoDelay(true);
            daemon("proxy-reply", () -> forward(target, client));
            forward(client, target);
        } catch (IOException refused) {
            reset(client);
            reset(target);
        }
    }

    private void forward(Socket from, Socket to) {
        byte[] buffer = new byte[BUFFER];
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            int length;
            while ((length = in.read(buffer)) >= 0) {
                awaitOpen();
                out.write(buffer, 0, length);
            }
            awaitOpen();
            to.shutdownOutput();
            if (from.isOutputShutdown()) {
                close(from);
                close(to);
            }
        } catch (IOException | InterruptedException e) {
            reset(from);
            reset(to);
        }
    }

    private void awaitOpen() throws InterruptedException {
        synchronized (gate) {
            while (hole) {
                gate.wait();
            }
        }
    }

    private void reset(Socket socket) {
        try {
            socket.setSoLinger(true, 0);
        } catch (IOException closed) {
            // Then it needs no reset.
        }
        close(socket);
    }

    private void close(Socket socket) {
        sockets.remove(socket);
        try {
            socket.close();
        } catch (IOException e) {
            // Nobody is left to care.
        }
    }

    private static void daemon(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
    }
}
